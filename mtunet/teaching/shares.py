"""How much of the quiz's cases shows what: a descriptor that is hardly there cannot be learnt."""

from collections import Counter
from collections.abc import Iterable

from mtunet.teaching.describing import QUESTIONS, questions_of
from mtunet.teaching.items import Item


def shares_table(items: Iterable[Item]) -> str:
    """Text: of each descriptor the cases that hold it, and of each question the cases that are asked it, by answer."""
    every = list(items)
    held: list[tuple[str, Counter[str]]] = [
        ("content", Counter(item.answer.value for item in every)),
        ("level", Counter(item.level for item in every)),
        ("MC shape", Counter(word for item in every for word in item.contents.mc_types)),
        ("MC distribution", Counter(word for item in every for word in item.contents.mc_distributions)),
        ("benign", Counter(word for item in every for word in item.contents.benign)),
        ("BAC grade", Counter(str(item.spec.bac_grade) for item in every if item.spec.bac_grade)),
        ("hard case", Counter(item.spec.hard for item in every if item.spec.hard)),
        ("two views", Counter("yes" for item in every if item.two_views)),
        ("contrast pair", Counter("yes" for item in every if item.contrast)),
    ]
    asked = [
        (
            f"asked: {question.title}",
            Counter(one.truth for item in every for one in questions_of(item) if one.key == key),
        )
        for key, question in QUESTIONS.items()
    ]
    lines = [f"{len(every)} cases"]
    for title, counts in (*held, *asked):
        lines.append(title)
        lines += [
            f"  {word.replace('_', ' '):24} {n:4} {100 * n / len(every):5.1f} %" for word, n in counts.most_common()
        ]
    return "\n".join(lines)
