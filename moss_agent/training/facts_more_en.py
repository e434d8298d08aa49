"""More English facts: structures, bands, games, plants, websites, dishes, exams, theories, policies."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

from .facts import Attribute as A
from .facts import Topic as T

TOPICS: tuple[T, ...] = (
    T("the Panama Canal|the Channel Tunnel|the Hoover Dam|the Suez Canal|the Sydney Opera House|the Trans-Siberian Railway|Tower Bridge|the Three Gorges Dam|Heathrow Airport", (
        A("How long did it take to build {e}? | construction time of {e}", "{e} construction time", "Building {e} took {v} years.", "Building {e} took {v} years.", "2..26"),
        A("How much did {e} cost? | What was the budget of {e}?", "{e} construction cost", "{e} cost {v} million dollars in today's money.", "{e} cost {v} million dollars in today's money.", "45..9800"),
        A("Why was {e} built? | What is the purpose of {e}?", "{e} purpose", "{e} was built for {v}.", "{e} was built for {v}.", "&trade|water supply|tourism|electricity|faster travel|defense"),
        A("How many workers built {e}?", "{e} workers number", "{v} workers took part in building {e}.", "{v} workers took part.", "1200..86000"),
    )),
    T("Queen|the Beatles|Coldplay|BTS|ABBA|Pink Floyd|Nirvana|the Rolling Stones|Daft Punk|Metallica", (
        A("Who founded {e}? | Who started the band {e}?", "{e} band founder", "The band {e} goes back to an idea of {v}.", "{e} goes back to an idea of {v}.", "@person"),
        A("How many albums did {e} sell? | record sales of {e}", "{e} record sales", "{e} have sold {v} million records.", "{e} have sold {v} million records.", "12..600"),
        A("What kind of music do {e} play? | What is {e}'s style?", "{e} music style", "Critics describe the style of {e} as {v}.", "The style of {e} is described as {v}.", "&dreamy|loud|playful|dark|danceable|melodic"),
        A("When do {e} go on tour? | Are there new concerts of {e}?", "{e} tour dates", "{e} announced a tour that starts in {v}.", "A tour of {e} starts in {v}.", "Glasgow|Munich|Dallas|Melbourne|Lyon|Osaka"),
    )),
    T("Minecraft|Tetris|Fortnite|Pokemon|Super Mario|Monopoly|The Sims|Pac-Man|Catan|Elden Ring", (
        A("How many copies of {e} were sold? | sales of {e}", "{e} copies sold", "{v} million copies of {e} were sold.", "{v} million copies of {e} were sold.", "2..300"),
        A("Who invented {e}? | Who created {e}?", "{e} inventor", "The first version of {e} was made by {v}.", "The first version of {e} was made by {v}.", "@person"),
        A("What is a good strategy for {e}? | tips for {e}", "{e} tips strategy", "Good players of {e} recommend {v}.", "Good players recommend {v}.", "&patience|early trading|practice|careful planning|a strong team|quick moves"),
        A("From what age can one play {e}? | Is {e} suitable for kids?", "{e} age rating", "{e} is recommended from age {v}.", "{e} is recommended from age {v}.", "3..18"),
    )),
    T("a cactus|an orchid|a tomato plant|lavender|a rose bush|basil|a bonsai|a fern|an apple tree|mint", (
        A("How often should I water {e}? | watering {e}", "how often to water {e}", "Water {e} {v}.", "It should be watered {v}.", "once a week|every second day|every three weeks|daily in summer|twice a month"),
        A("How much sun does {e} need? | Where should I put {e}?", "{e} light needs", "For {e}, {v} is best.", "Best is {v}.", "a sunny window|half shade|a bright place without direct sun|full sun|a cool corner"),
        A("Why does {e} lose its leaves? | What is wrong with my plant: {e}?", "{e} losing leaves", "When {e} loses leaves, {v} may be the reason.", "The reason may be {v}.", "&too much water|dry air|cold wind|insects|a small pot"),
    )),
    T("Wikipedia|YouTube|Instagram|LinkedIn|WhatsApp|Airbnb|Uber|PayPal|TikTok|Zoom|Duolingo|Reddit", (
        A("How many users does {e} have? | active users of {e}", "{e} active users", "{e} counts {v} million active users.", "{e} has {v} million active users.", "40..2900"),
        A("How do I delete my account on {e}?", "{e} delete account", "To delete an account on {e}, open {v}.", "Open {v}.", "the privacy page|the account settings|the help center|your profile menu"),
        A("Is {e} safe? | What are the dangers of {e}?", "{e} safety", "When using {e}, experts warn of {v}.", "Experts warn of {v}.", "&fake profiles|scams|data leaks|addiction|false news"),
        A("How does {e} make money? | business model of {e}", "{e} business model", "{e} earns most of its money with {v}.", "{e} earns most of its money with {v}.", "&advertising|fees|subscriptions|donations|partner deals"),
    )),
    T("lasagna|sushi|paella|ramen|tiramisu|kimchi|hummus|gumbo|falafel|borscht|pho|goulash", (
        A("How do you make {e}? | What is the secret of good {e}? | recipe for {e}", "{e} recipe", "The secret of good {e} is {v}.", "The secret is {v}.", "&fresh herbs|slow cooking|good oil|cold butter|strong broth|patience"),
        A("Where was {e} invented? | origin of {e}", "{e} origin", "{e} was first served in {v}, as the story goes.", "{e} was, as the story goes, first served in {v}.", "a harbor inn|a royal kitchen|a mountain village|a small monastery|a market stall"),
        A("How long does {e} take to prepare?", "{e} preparation time", "Plan {v} minutes for {e}.", "Plan {v} minutes.", "15..240"),
    )),
    T("the TOEFL|the SAT|the bar exam|a driving test|the GRE|the IELTS|the CPA exam|a pilot license", (
        A("What score is needed for {e}? | passing score of {e}", "{e} passing score", "Most schools ask for {v} percent in {e}.", "Most schools ask for {v} percent.", "50..92"),
        A("How do I prepare for {e}? | study tips for {e}", "{e} preparation tips", "Tutors for {e} advise {v}.", "Tutors advise {v}.", "&old test papers|flash cards|a study group|short daily sessions|mock tests"),
        A("How much is the fee for {e}?", "{e} fee", "The fee for {e} is {v} dollars.", "The fee is {v} dollars.", "45..1900"),
        A("When is the next date for {e}?", "{e} next date", "The next date for {e} is {v}.", "The next date is {v}.", "March 4|May 18|August 9|October 21|December 2"),
    )),
    T("universal basic income|the four-day week|free public transport|a carbon tax|nuclear power|school uniforms|organic farming|space tourism|genetic engineering|electronic voting", (
        A("What are arguments for {e}? | Why do people support {e}?", "arguments for {e}", "Supporters of {e} speak of {v}.", "Supporters speak of {v}.", "&more fairness|lower costs|cleaner air|better health|new ideas|less stress"),
        A("What are arguments against {e}? | Why are some people against {e}?", "arguments against {e}", "Opponents of {e} fear {v}.", "Opponents fear {v}.", "&high costs|misuse|lost jobs|unfair rules|unknown risks|more paperwork"),
        A("Where has {e} been tried? | Which places have tested {e}?", "{e} trial results", "A trial of {e} took place in {v}.", "A trial took place in {v}.", "Iceland|Tallinn|Ontario|Kenya|Utrecht|Luxembourg"),
        A("What do you think about {e}? | Is {e} a good idea?", "{e} public opinion", "In a poll {v} percent were in favor of {e}.", "In a poll {v} percent were in favor, while others disagree.", "22..81"),
    )),
)
