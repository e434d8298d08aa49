from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # the tests measure time where it matters
settings.load_profile("unhurried")
