"""Captions of every script and form: one visible sentence has one value, and what has no words has no value."""

from __future__ import annotations

import random
import re
import unicodedata

import numpy as np
import pytest

from benchmarks.metrics.captions.diversity import CaptionDiversity, unique_share
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.captions.rare_words import RareWords
from benchmarks.metrics.captions.tokens import tokenise_groups, tokenise_pairs
from benchmarks.metrics.captions.variety import CaptionVariety
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.sets.synthetic_set import SyntheticSet
from benchmarks.metrics.texts import clean, undivided, words
from benchmarks.metrics.view import View
from benchmarks.steps.features import text_features
from benchmarks.steps.metrics import measured
from datamodules.scenes.dataset import Scenes

HINDI = "एक लाल किताब मेज पर रखी है"
THAI = "แมวสีแดงนั่งบนโต๊ะ"
FRENCH = "un garçon à côté d'une forêt enneigée"
CHINESE = "一只红色的猫坐在桌子上"
JAPANESE = "赤い猫がテーブルの上に座っています"
EMOJI = "😀 🎉 ❤️ 👍🏽 🇫🇷"

WORDS = {
    HINDI: 7,
    "แมว สี แดง นั่ง บน โต๊ะ": 6,
    "แมว\u200bสี\u200bแดง\u200bนั่ง\u200bบน\u200bโต๊ะ": 6,
    "قِطَّةٌ حَمْرَاءُ تَجْلِسُ عَلَى الطَّاوِلَةِ": 5,
    FRENCH: 7,
    unicodedata.normalize("NFD", FRENCH): 7,
    "ஒரு சிவப்பு பூனை": 3,
    "빨간 고양이가 앉아 있다": 4,
    unicodedata.normalize("NFD", "빨간 고양이가 앉아 있다"): 4,
    unicodedata.normalize("NFD", "một con mèo đỏ"): 4,
    "می\u200cخواهم کتاب": 2,
    "\u202bאני אוהב\u202c צה״ל\u200f": 3,
    "ａ\u3000ｒｅｄ　ｄｏｇ": 3,
    "٣ قطط": 2,
    "İstanbul'da IŞIK": 2,
    "col·lecció d’art": 2,
    CHINESE: 11,
    "中文，句子。": 4,
    JAPANESE: 17,
    "iPhone手机": 3,
    EMOJI: 5,
    "a\u00a0red\tdog\nruns\u2028on\x00and\x85on": 7,
    "a re\u00add dog\ufeff": 3,
    "a well‐lit non‑breaking well-lit room": 5,
    "a " + "x" * 100_000 + " b": 3,
    "": 0,
    " \u200b\u00a0": 0,
    "... !? — , 。": 0,
    "→ ∑ $": 0,
    "a \ud800 b": 2,
}


@pytest.mark.parametrize("text", WORDS, ids=lambda text: ascii(text)[:40])
def test_words_are_counted_with_their_marks(text):
    assert len(words(text)) == WORDS[text]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FRENCH, unicodedata.normalize("NFD", FRENCH)),
        ("a man’s hat", "a man's hat"),
        ("a well‑lit room", "a well-lit room"),
        ("STRASSE", "Straße"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("a red dog", "\u202aa\u00a0re\u00add\u200e dog\u2069"),
        ("❤️", "❤"),
        ("Å", "\u212b"),
    ],
)
def test_what_looks_alike_is_alike(one, other):
    assert words(one) == words(other) != []
    assert unique_share([one, other]) == 0.5


def test_plain_english_is_read_as_before():
    before = re.compile(r"\w+(?:['’-]\w+)*")
    rng = random.Random(0)
    for _ in range(5_000):
        text = "".join(chr(rng.choice((rng.randrange(128), rng.randint(97, 122), 32, 39, 45))) for _ in range(30))
        assert words(text) == before.findall(text.lower())
    captions = [text for texts in Scenes().captions("train", np.arange(500)) for text in texts]
    assert [clean(text) for text in captions] == captions


def found(family: Family, view: View) -> tuple[dict[str, float], dict[str, str]]:
    result = measured(family, view)
    assert set(result["values"]) | set(result["absent"]) == set(family.declares), "a value, or a reason"
    return result["values"], result["absent"]


def overlap(captions: list[str], references: list[str]) -> tuple[dict[str, float], dict[str, str]]:
    pinned = [(text,) for text in [*references, "a corpus of its own"]]
    view = View(captions=captions, references=[(text,) for text in references], document_frequency=pinned)
    return found(CaptionOverlap(), view)


EQUAL = [
    (HINDI, HINDI),
    (HINDI + "।", HINDI),
    (FRENCH, unicodedata.normalize("NFD", FRENCH)),
    ("ДОМ на холме и река", "дом на холме и река"),
    ("قطة حمراء تجلس على الطاولة؟", "قطة حمراء تجلس على الطاولة"),
    ("แมว สี แดง นั่ง บน โต๊ะ", "แมว\u200bสี\u200bแดง\u200bนั่ง\u200bบน\u200bโต๊ะ"),
    (CHINESE, CHINESE + "。"),
    (JAPANESE, JAPANESE),
    ("ａ ｒｅｄ ｄｏｇ ｒｕｎｓ", "ａ　ｒｅｄ　ｄｏｇ　ｒｕｎｓ"),
    ("die große Straße im Dorf", "die grosse STRASSE im Dorf"),
    ("a\tred\u00a0dog\nruns home", "a re\u00add dog runs home"),
    ("می\u200cخواهم کتاب را بخوانم", "میخواهم کتاب را بخوانم"),
]
UNSCORED = [
    (EMOJI.replace("❤️", ""), "no reference with a word"),
    ("... 。 ?", "no reference with a word"),
    ("", "no reference with a word"),
    ("𝐚 𝐫𝐞𝐝 𝐝𝐨𝐠", "no reference with a word"),
    (THAI, "without spaces between words"),
]


@pytest.fixture(scope="module")
def tokens():
    """Every sentence below in two calls of Java, which are remembered, in place of one a test."""
    texts = [*(text for pair in EQUAL for text in pair), *(text for text, _ in UNSCORED), "🐈", "🐶", "...", "|"]
    for characters in ([], [CHINESE]):
        tokenise_groups([[clean(text) for text in texts]], [characters])


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(("caption", "reference"), EQUAL, ids=lambda text: ascii(text)[:30])
def test_equal_sentences_score_as_equal(caption, reference):
    values, absent = overlap([caption], [reference])
    assert values["bleu4"] == pytest.approx(1)
    assert values["rouge_l"] == pytest.approx(1)
    assert values["cider"] == pytest.approx(10)
    assert not absent


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(("reference", "reason"), UNSCORED, ids=lambda text: ascii(text)[:30])
def test_what_cannot_be_scored_is_absent(reference, reason):
    values, absent = overlap([reference], [reference])
    assert not values
    assert all(reason in text for text in absent.values())


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
def test_an_item_without_a_word_is_counted_in_the_reason():
    _, absent = overlap(["a dog", "a cat"], ["a dog", "🐈"])
    assert absent["bleu1"].startswith("1 of 2 items")


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
def test_a_reference_without_a_word_is_none():
    said, real = tokenise_pairs(["", "a dog"], [("...", "a cat"), ("a dog", "🐶")])
    assert said == ["", "a dog"]
    assert real == [("a cat",), ("a dog",)]


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
def test_ngrams_that_no_reference_has_are_absent_and_silence_scores_zero():
    values, absent = overlap(["a dog"], ["a dog"])
    assert values["bleu2"] == pytest.approx(1)
    assert absent["bleu3"] == "no reference has 3 words"
    assert absent["bleu4"] == "no reference has 4 words"
    silent, _ = overlap(["", "..."], ["a dog on a mat"] * 2)
    assert max(silent.values()) < 1e-6


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
def test_cider_needs_words_that_weigh_something():
    view = View(captions=["a red dog"], references=[("a red dog",)], document_frequency=[("a red dog",)])
    values, absent = found(CaptionOverlap(), view)
    assert "cider" not in values
    assert "nothing has a weight" in absent["cider"]


@pytest.mark.java
@pytest.mark.usefixtures("tokens")
def test_a_set_says_why_it_has_no_bleu():
    for caption, reason in ((THAI, "without spaces"), ("🐶", "no reference"), ("a dog", "no reference has 4 words")):
        _, absent = found(SyntheticSet(), View(captions=[caption], references=[(caption,)]))
        assert reason in absent["bleu4"]


@pytest.mark.parametrize("caption", [THAI, "ສາວນ້ອຍນັ່ງຢູ່ເທິງໂຕະ", "... 。", "$$$", "→"], ids=ascii)
@pytest.mark.parametrize("family", [CaptionDiversity, CaptionVariety, RareWords])
def test_captions_without_words_to_count_have_no_counts(family, caption):
    view = View(captions=[caption] * 300, document_frequency=[("a red dog",)] * 400)
    values, absent = found(family(), view)
    assert set(values) <= {"unique_share"}
    assert all(text for text in absent.values())


def test_a_few_captions_of_another_script_void_nothing():
    values, absent = found(CaptionDiversity(), View(captions=["a red dog"] * 9 + [THAI] * 2 + ["..."]))
    assert values["length_mean"] == pytest.approx(29 / 12)
    assert not absent
    assert undivided([words("แมว สี แดง")]) is None


def test_counts_do_not_hang_on_the_spelling():
    some = [HINDI, FRENCH, "a man's well-lit hat", "Straße"] * 100
    other = [unicodedata.normalize("NFD", text).replace("'", "’").replace("-", "‐") for text in some]
    for family in (CaptionDiversity, CaptionVariety):
        assert found(family(), View(captions=some)) == found(family(), View(captions=other))


def test_the_oracle_reads_whole_words():
    oracle = Scenes().oracle
    plain = "a large red circle"
    attribute = next(name for name, read in oracle.read_captions([plain]).values.items() if "red" in read[0])
    for text in (
        "a large redé circle",
        "a large re\u0301d circle",
        "a large red\u0327 circle",
        "a large ｒｅｄ circle",
    ):
        assert "red" not in oracle.read_captions([clean(text)]).values[attribute][0]
    odd = "a\u00a0lar\u00adge \u200ered circle"
    assert "red" in oracle.read_captions([clean(odd)]).values[attribute][0]


def test_judges_and_families_are_given_one_form():
    class Judge:
        def embed_texts(self, texts):
            self.texts = texts
            return np.zeros((len(texts), 2))

    judge, spelt = Judge(), unicodedata.normalize("NFD", FRENCH)
    text_features(judge, [spelt, "a\ud800b"])
    assert judge.texts == [FRENCH, "a b"]

    class Kept(Family):
        side, version, declares = "captioner", 1, {}
        needs = ("captions", "references", "prompts", "document_frequency")

        def evaluate(self, view):
            assert view.captions == view.prompts == [FRENCH]
            assert view.references == view.document_frequency == [(FRENCH, "a dog")]
            return {}

    assert found(Kept(), View([spelt], [(spelt, "a dog")], [spelt], document_frequency=[(spelt, "a dog")])) == ({}, {})


def test_the_reason_says_what_to_do():
    with pytest.raises(MetricUnavailable, match="put spaces"):
        tokenise_pairs([THAI], [(THAI,)])
