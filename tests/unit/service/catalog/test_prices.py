"""Prices and descriptions as shops write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.plain_text import plain_text
from service.catalog.prices import Decimal, Price, common_decimal, parse_price

PRICES = {
    "15.99 USD": (15.99, "USD"),
    "USD 15.99": (15.99, "USD"),
    "15.99USD": (15.99, "USD"),
    "1,299.00 USD": (1299.0, "USD"),
    "1.299,00 EUR": (1299.0, "EUR"),
    "€ 1.299,00": (1299.0, "EUR"),
    "1\u00a0299,90 kr": (1299.9, "kr"),
    "CHF 1'299.50": (1299.5, "CHF"),
    "R$ 1.299,90": (1299.9, "R$"),
    "1,00,000.50 INR": (100_000.5, "INR"),
    "Rs. 1,200": (1200.0, "Rs"),
    "£0.99": (0.99, "GBP"),
    "149,-": (149.0, None),
    "1.234.567": (1_234_567.0, None),
    "1.10": (1.1, None),
    "0": (0.0, None),
}
NO_PRICES = (
    *("", "free", "2 for 5 USD", "10 - 20 USD", "-3 EUR", "1e5", "nan", "12.50 EUR/kg"),
    *("from 5 EUR", "1,2,3", "9" * 20),
)


@pytest.mark.parametrize("text", PRICES)
def test_amount_and_currency(text: str) -> None:
    assert parse_price(text) == Price(*PRICES[text])


@pytest.mark.parametrize("text", NO_PRICES)
def test_what_is_no_price(text: str) -> None:
    assert parse_price(text) is None


def test_what_can_be_read_both_ways_is_read_as_most_prices_are() -> None:
    assert [parse_price(text) for text in ("1.299", "1,299")] == [Price(1.299), Price(1299.0)]
    assert [parse_price(text, Decimal.COMMA) for text in ("1.299", "1,299")] == [Price(1299.0), Price(1.299)]
    assert common_decimal(["1.299", "9,90 €", "8,5", None, 3, "7.95"]) is Decimal.COMMA
    assert common_decimal(["1.299", "1,299"]) is Decimal.POINT


@given(st.text(), st.sampled_from(Decimal))
def test_any_text_is_a_price_of_0_or_more_or_none(text: str, decimal: Decimal) -> None:
    price = parse_price(text, decimal)
    assert price is None or 0 <= price.amount < 1e15


@given(st.decimals(0, 999_999, places=2), st.sampled_from(["USD", "EUR"]), st.booleans())
def test_two_decimals_are_read_as_they_were_written(amount: object, currency: str, comma: bool) -> None:
    text = f"{amount:,}"
    text = text.translate(str.maketrans(",.", ".,")) if comma else text
    assert parse_price(f"{text} {currency}") == Price(float(str(amount)), currency)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Sharp &amp; <b>bright</b>.</p><ul><li>HDMI</li><li>USB</ul>", "Sharp & bright.\nHDMI\nUSB"),
        ("a<br>b<BR/>c\n d", "a\nb\nc d"),
        ("<style>p {}</style><script>x < y</script>seen<!-- <p>not --> all", "seen all"),
        ("<a title='a > b' href=x>link</a> <td>1<td>2", "link 1 2"),
        ("5 < 6 and a <3 b", "5 < 6 and a <3 b"),
        ("Bang & Olufsen\n second line", "Bang & Olufsen\n second line"),
        ("<script>never closed", ""),
        ("&lt;p&gt; is a tag", "<p> is a tag"),
    ],
)
def test_descriptions_in_html(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text() | st.text("<>!-/ps&;\"'"))
def test_any_text_becomes_text(html: str) -> None:
    assert len(plain_text(html)) <= len(html) + 1


@pytest.mark.parametrize("unit", ["<", "<a ", "<!--", "<p></", "<script>", "<svg></svg>", '<a "', "&a<p>"])
def test_unclosed_markup_is_read_once(unit: str) -> None:
    """With work that is the square of the length, some of these take minutes, and the suite's limit of a test."""
    assert "&amp;" not in plain_text(unit * (200_000 // len(unit)) + "&amp;")
