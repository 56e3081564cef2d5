from __future__ import annotations

import pyarrow as pa
import pytest

from arcmill.errors import UsageError
from arcmill.records import schema
from filters.fasttext_model import FastTextModel
from filters.language import DEFAULT_MODEL, STAGE, IdentifyLanguage, core, setup
from filters.language_identifier import UNDETERMINED, LanguageIdentifier
from filters.scripts import languages_of

ENGLISH = "The committee met on Tuesday to discuss how the new library should be paid for and who would run it."
CHINESE = "委员会星期二开会，讨论新图书馆的经费应该由谁承担，以及由谁来管理这座图书馆。"
JAPANESE = "委員会は火曜日に会合を開き、新しい図書館の費用を誰が負担し、誰が運営するのかを話し合った。"
KOREAN = "위원회는 화요일에 모여 새 도서관의 비용을 누가 부담하고 누가 운영할 것인지 논의하였다."
RUSSIAN = "Комитет собрался во вторник, чтобы обсудить, кто заплатит за новую библиотеку и кто будет ею управлять."
CODE = "def load(path):\n    with open(path) as f:\n        return json.load(f)['items'][0].get('name')\n"


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return setup(IdentifyLanguage(), {})


def code_of(identifier: LanguageIdentifier, text: str) -> str:
    (found,) = identifier.identify([text])
    return found.code


def batch_of(texts: list[str]) -> pa.RecordBatch:
    rows = [{"id": str(i), "text": text, "source": "test"} for i, text in enumerate(texts)]
    return pa.RecordBatch.from_pylist(rows, schema=schema("Document"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"), (CHINESE, "zh"), (JAPANESE, "ja"), (KOREAN, "ko"), (RUSSIAN, "ru"),
        (ENGLISH.upper(), "en"),
        ("東京駅で財布を売る店員", "ja"), ("駅", "ja"), ("気象庁発表", "ja"),
        ("臺灣鐵路的說明", "zh"), ("这个问题", "zh"),
        ("서울", "ko"),
        ("大韓民國 헌법은 대한민국 임시정부의 법통을 계승한다", "ko"), ("Καλημέρα", "el"), ("สวัสดี", "th"),
    ],
)  # fmt: skip
def test_language_of_a_plain_text(identifier: LanguageIdentifier, text: str, code: str) -> None:
    assert code_of(identifier, text) == code


def test_code_and_addresses_do_not_make_a_text_english(identifier: LanguageIdentifier) -> None:
    for text, code in ((CHINESE, "zh"), (JAPANESE, "ja"), (KOREAN, "ko"), (RUSSIAN, "ru")):
        assert code_of(identifier, f"{text}\n{CODE}{text}") == code
        assert code_of(identifier, f"{text} https://www.example.com/the/path/of/this/page?and=some&more=words") == code


def test_terms_in_latin_letters_leave_the_language_of_the_sentence(identifier: LanguageIdentifier) -> None:
    assert code_of(identifier, "我们用 Python 的 pandas DataFrame 和 PyArrow Table 来处理 Parquet 文件。") == "zh"
    assert (
        code_of(identifier, "このページでは Apache Spark の DataFrame と Structured Streaming を説明します。") == "ja"
    )


@pytest.mark.parametrize("other", [CHINESE, JAPANESE, KOREAN, RUSSIAN])
def test_larger_part_decides_in_both_orders_and_the_score_is_its_share(
    identifier: LanguageIdentifier, other: str
) -> None:
    whole = identifier.identify([ENGLISH])[0].score
    for text in (f"{ENGLISH}\n{ENGLISH}\n{ENGLISH}\n{other}", f"{other}\n{ENGLISH}\n{ENGLISH}\n{ENGLISH}"):
        (found,) = identifier.identify([text])
        assert found.code == "en"
        assert 0.5 < found.score < whole
    own = identifier.identify([f"{other}\n{other}\n{other}\n{ENGLISH}"])[0]
    assert own.code == code_of(identifier, other)
    assert 0.5 < own.score < 0.95


def test_chinese_quoting_japanese_is_chinese_and_the_reverse(identifier: LanguageIdentifier) -> None:
    assert code_of(identifier, f"{CHINESE}{CHINESE}{JAPANESE}") == "zh"
    assert code_of(identifier, f"{JAPANESE}{CHINESE}{JAPANESE}") == "ja"


def test_batch_and_single_answers_agree(identifier: LanguageIdentifier) -> None:
    texts = [ENGLISH, "", CHINESE + ENGLISH, JAPANESE * 40, "42", KOREAN, ENGLISH * 200]
    assert identifier.identify(texts) == [identifier.identify([text])[0] for text in texts]


def test_odd_texts_do_not_break(identifier: LanguageIdentifier) -> None:
    for text in ("", " \n\t", "12345 67", "!!!", "\x00\x00", "a\x00b\r\n\u2028c", "\ud800", "🙂" * 50, "\u0301" * 9):
        (found,) = identifier.identify([text])
        assert 0.0 <= found.score <= 1.0
    assert identifier.identify(["", "12345"]) == [(UNDETERMINED, 0.0)] * 2


def test_long_text_costs_no_more_than_its_windows(identifier: LanguageIdentifier) -> None:
    asked: list[int] = []

    class Counting(FastTextModel):
        def predict(self, texts: list[str], k: int) -> list[list[tuple[str, float]]]:
            asked.append(sum(map(len, texts)))
            return super().predict(texts, k)

    counting = LanguageIdentifier(Counting(DEFAULT_MODEL))
    assert counting.identify([ENGLISH * 50_000])[0].code == "en"  # 5 MB
    assert sum(asked) <= 2000


def test_core_says_why_a_document_leaves() -> None:
    config = IdentifyLanguage(languages=["en", "zh"], thresholds={"zh": 1.0})
    changes = core(batch_of([ENGLISH, RUSSIAN, f"{CHINESE}\n{ENGLISH}"]), config, setup(config, {}))
    assert changes.columns["language"] == ["en", "ru", "zh"]
    assert 0 not in changes.outcomes
    assert (changes.outcomes[1].rule, changes.outcomes[1].detail) == ("language", "ru")
    score = changes.outcomes[2]
    assert (score.rule, score.threshold, score.outcome) == ("language-score", 1.0, "dropped")
    assert score.score is not None
    assert score.score < 1.0


def test_uncertain_documents_can_be_kept() -> None:
    config = IdentifyLanguage(min_score=1.0, keep_uncertain=True)
    changes = core(batch_of(["Hm.", ""]), config, setup(config, {}))
    assert changes.outcomes == {}
    dropped = core(batch_of(["Hm.", ""]), IdentifyLanguage(min_score=1.0), setup(config, {}))
    assert {outcome.rule for outcome in dropped.outcomes.values()} == {"language-score"}


def test_text_that_is_not_utf8_is_an_errored_row() -> None:
    good = batch_of([ENGLISH, "x", RUSSIAN])
    raw = pa.array([ENGLISH.encode(), b"\xed\xa0\x80 lone", RUSSIAN.encode()], pa.large_binary())
    broken = pa.LargeStringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    batch = good.set_column(good.schema.get_field_index("text"), "text", broken)
    changes = core(batch, IdentifyLanguage(), setup(IdentifyLanguage(), {}))
    assert {row: (o.rule, o.outcome) for row, o in changes.outcomes.items()} == {1: ("unreadable-text", "errored")}
    assert changes.columns["language"][2] == "ru"


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"languages: 'english'.*accepted: .*en, "):
        setup(IdentifyLanguage(languages=["english"]), {})
    with pytest.raises(UsageError, match="thresholds: 'xx'"):
        setup(IdentifyLanguage(thresholds={"xx": 0.5}), {})
    with pytest.raises(UsageError, match=r"thresholds: zh is 1.5"):
        setup(IdentifyLanguage(thresholds={"zh": 1.5}), {})


def test_files_that_are_no_model_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    whole = DEFAULT_MODEL.read_bytes()
    for name, data in {"text.bin": b"hello " * 100, "empty.bin": b"", "cut.ftz": whole[: len(whole) // 2]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=f"model: .*{name}"):
            setup(IdentifyLanguage(model=str(tmp_path / name)), {})
    with pytest.raises(UsageError, match="cannot be read"):
        setup(IdentifyLanguage(model=str(tmp_path / "missing.bin")), {})


def test_model_files_decide_the_fingerprint() -> None:
    assert STAGE.model_files is not None
    assert STAGE.model_files(IdentifyLanguage()) == [str(DEFAULT_MODEL)]
    assert STAGE.model_files(IdentifyLanguage(model="other.bin")) == ["other.bin"]


def test_labels_with_scripts_and_bare_codes() -> None:
    labels = ["eng_Latn", "rus_Cyrl", "jpn_Jpan", "cmn_Hani", "zh", "sr", "en"]
    assert languages_of("Latn", labels) == {"eng_Latn", "sr", "en"}
    assert languages_of("Cyrl", labels) == {"rus_Cyrl", "sr"}
    assert languages_of("Kana", labels) == {"jpn_Jpan"}
    assert languages_of("Hani", labels) == {"jpn_Jpan", "cmn_Hani", "zh"}
