"""The words the pipeline knows: its tokenizer, one token for each name, and other words for the same thing."""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from moss_agent.training.doodle import words_zh
from moss_agent.training.doodle.scenes import COLOURS, PLACES, RELATIONS, SIZES

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"
# They stand behind every description. With them places in the picture can be told apart: see `network`.
ANCHORS = tuple(f"<{number}>" for number in range(12))
LENGTH = 16 + len(ANCHORS)  # tokens of a description, with the special ones
SILENT = "a an the of in at is are it its some this that there his her my your please draw picture image drawing"
IRREGULAR = {
    "foot": "feet",
    "goose": "geese",
    "leaf": "leaves",
    "loaf": "loaves",
    "knife": "knives",
    "mouse": "mice",
    "ox": "oxen",
    "scarf": "scarves",
    "tooth": "teeth",
    "wolf": "wolves",
    "child": "children",
    "person": "people",
    **{word: word + "es" for word in ("buffalo", "mango", "mosquito", "potato", "tomato", "tornado", "volcano")},
}
SYNONYMS = {
    "apple": "red apple",
    "ball": "soccer ball",
    "bee": "honeybee",
    "beer": "beer mug",
    "bike": "bicycle",
    "birthday": "birthday cake",
    "boat": "sailboat",
    "book": "closed book",
    "bunny": "rabbit face",
    "burger": "hamburger",
    "cake": "birthday cake",
    "car": "automobile",
    "cheese": "cheese wedge",
    "chick": "baby chick",
    "clock": "mantelpiece clock",
    "clover": "four leaf clover",
    "coffee": "hot beverage",
    "computer": "laptop",
    "cop": "police officer",
    "couch": "couch and lamp",
    "cup": "teacup without handle",
    "diamond": "gem stone",
    "dice": "game die",
    "dinosaur": "sauropod",
    "doctor": "health worker",
    "donut": "doughnut",
    "flame": "fire",
    "flower": "cherry blossom",
    "football": "soccer ball",
    "gift": "wrapped gift",
    "globe": "globe showing europe africa",
    "gray": "grey",
    "hat": "top hat",
    "heart": "red heart",
    "hippo": "hippopotamus",
    "island": "desert island",
    "jet": "airplane",
    "kitten": "cat face",
    "ladybird": "lady beetle",
    "ladybug": "lady beetle",
    "lamp": "light bulb",
    "large": "big",
    "letter": "envelope",
    "little": "small",
    "mail": "envelope",
    "milk": "glass of milk",
    "money": "money bag",
    "moon": "crescent moon",
    "mug": "hot beverage",
    "orange fruit": "tangerine",
    "palm": "palm tree",
    "phone": "mobile phone",
    "pine tree": "evergreen tree",
    "plane": "airplane",
    "planet": "ringed planet",
    "plant": "potted plant",
    "policeman": "police officer",
    "present": "wrapped gift",
    "puppy": "dog face",
    "rhino": "rhinoceros",
    "salad": "green salad",
    "santa": "santa claus",
    "shirt": "t shirt",
    "shoe": "running shoe",
    "smile": "smiling face",
    "smiley": "smiling face",
    "snow": "snowflake",
    "sofa": "couch and lamp",
    "tea": "teacup without handle",
    "tiny": "small",
    "traffic light": "vertical traffic light",
    "tree": "deciduous tree",
    "truck": "delivery truck",
    "tv": "television",
    "ufo": "flying saucer",
    "violet": "purple",
    "wave": "water wave",
    "whisky": "tumbler glass",
    "wine": "wine glass",
    "over": "above",
    "beneath": "below",
    "upper": "top",
    "lower": "bottom",
    "near": "beside",
}


def learned(names: list[str]) -> list[str]:
    """The tokens that are trained, in the order of their numbers."""
    special = [PAD, START, END, UNKNOWN, *ANCHORS]
    return list(dict.fromkeys([*special, ",", "background", *SIZES, *COLOURS, *PLACES, *RELATIONS, *names]))


def vocabulary(names: list[str]) -> dict[str, int]:
    """Every token with its number: those that are trained, then other words for them."""
    return {word: number for number, word in enumerate([*learned(names), *meanings(names)])}


def meanings(names: list[str]) -> dict[str, str]:
    """What is learned, by other words for it: the synonyms, and plurals, of which one is drawn."""
    trained, things = set(learned(names)), set(names)
    said = SYNONYMS | {name: name for name in names}
    plurals = {plural(word): name for word, name in said.items() if name in things and len(word.split()) <= 2}
    others = plurals | SYNONYMS | words_zh.CHINESE
    return {word: name for word, name in others.items() if word not in trained and name in trained}


def plural(words: str) -> str:
    """The plural of a name of one or two words, of the last of them: hot dogs, snowmen."""
    *before, last = words.split()
    if last in IRREGULAR:
        return " ".join([*before, IRREGULAR[last]])
    if last.endswith("man"):
        return words.removesuffix("man") + "men"
    if words.endswith(("s", "x", "ch", "sh")):
        return words + "es"
    if words.endswith("y") and words[-2] not in "aeiou":
        return words[:-1] + "ies"
    return words + "s"


def tokenizer(names: list[str]) -> PreTrainedTokenizerFast:
    """Lower case, words and whole names; articles and the like say nothing and are dropped."""
    words = vocabulary(names)
    made = Tokenizer(models.WordLevel(words, unk_token=UNKNOWN))
    silent, silent_zh = "|".join(SILENT.split()), "|".join(words_zh.SILENT.split())
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"['’](?=s\b)"), ""),  # woman's hat: womans hat
            normalizers.Replace(Regex(r"[^\w,]+|_"), " "),
            normalizers.Replace(Regex(rf"\b({silent})\b|{silent_zh}"), " "),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    phrases = [AddedToken(word, single_word=True) for word in words if " " in word]
    chinese = [AddedToken(word, single_word=False) for word in words if not word.isascii()]
    made.add_tokens([*phrases, *chinese])
    made.post_processor = processors.TemplateProcessing(
        single=" ".join((START, "$A", END, *ANCHORS)),
        special_tokens=[(token, words[token]) for token in (START, END, *ANCHORS)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=LENGTH,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
    )
