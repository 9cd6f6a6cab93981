"""How texts become passages."""

from hypothesis import example, given
from hypothesis import strategies as st
from nova_search.documents import PASSAGE_CHARACTERS_MAX, passages_of


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in passages_of(text)]


def test_a_short_text_is_one_passage() -> None:
    assert cut("  Hello there.\n\nGood bye.\n") == ["Hello there.\n\nGood bye."]


def test_passages_end_with_paragraphs_then_sentences_then_words() -> None:
    sentence = "We meet at ten. "
    paragraph = (sentence * 50).strip()
    assert cut(f"{paragraph}\n\n{paragraph}") == [paragraph, paragraph]
    first, *_ = cut(sentence * 100)
    assert first.endswith("ten.")
    assert len(first) > PASSAGE_CHARACTERS_MAX - len(sentence) - 1
    first, *_ = cut("word " * 400)
    assert first.endswith("word")


def test_japanese_is_cut_after_sentences() -> None:
    sentence = "会議は十時に始まります。"
    passages = cut(sentence * 300)
    assert all(passage.endswith("。") and len(passage) <= PASSAGE_CHARACTERS_MAX for passage in passages)


@given(st.text(st.sampled_from("ab。.!? \n\t語"), max_size=30).map(lambda text: text * 200))
@example("x" * 5000)
@example(" " * 5000)
def test_no_word_is_lost_and_no_passage_is_too_long(text: str) -> None:
    passages = cut(text)
    assert "".join("".join(passages).split()) == "".join(text.split())
    assert all(1 <= len(passage) <= PASSAGE_CHARACTERS_MAX for passage in passages)
    assert all(passage == passage.strip() for passage in passages)
