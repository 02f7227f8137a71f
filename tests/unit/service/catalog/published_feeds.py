"""Feeds in the forms that Google, OpenAI, Shopify and WooCommerce publish, with the quirks that real files have."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

LONG = "Words and words. " * 700
"""11,900 characters."""


def table(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """A table as a spreadsheet writes it."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


GOOGLE_HEADER = [
    *("id", "title", "description", "link", "image link", "additional image link", "price", "sale price"),
    *("availability", "item group id", "product type", "google product category", "gtin", "brand", "size", "shipping"),
]
GOOGLE_ROWS = [
    [
        *("TV-1", '24" Monitor', "<p>Sharp &amp; bright.</p><ul><li>HDMI</li></ul>", "https://shop.example/tv-1"),
        *("a.png", "b.png,c.png", "1,299.00 USD", "15.99 USD", "in stock", "TV", "Home > Screens", "305"),
        *("0012345678905", "Acme", "24", "US:CA:Ground:5.00 USD"),
    ],
    [
        *("TV-2", "Television", LONG, "https://shop.example/tv-2", "b.png", "", "899 USD", "", "Out_of_Stock", "TV"),
        *("", "Electronics > Video > Televisions", "12345678905", "Acme", "32", ""),
    ],
    ["CARD", "Gift card", "For those who have all", "", "", "", "25.00 USD", *[""] * 9],
]


def google_tsv(rows: Sequence[Sequence[str]] = GOOGLE_ROWS) -> str:
    """Tab-delimited as Merchant Center takes it: quotes are plain characters."""
    return "\ufeff" + "\r\n".join("\t".join(row) for row in [GOOGLE_HEADER, *rows]) + "\r\n"


def google_csv() -> str:
    """The same with commas and quotes, and underscores in the names."""
    return table([[name.replace(" ", "_") for name in GOOGLE_HEADER], *GOOGLE_ROWS])


def google_jsonl() -> str:
    """One object a line, with lists and the names of OpenAI's feed."""
    renamed = {"id": "item_id", "image_link": "image_url", "item_group_id": "group_id"}
    lines = []
    for row in GOOGLE_ROWS:
        fields = {name.replace(" ", "_"): value for name, value in zip(GOOGLE_HEADER, row, strict=True) if value}
        more = fields.pop("additional_image_link", None)
        images = {"additional_image_urls": more.split(",")} if more else {}
        lines.append(json.dumps({**{renamed.get(name, name): value for name, value in fields.items()}, **images}))
    return "\n".join(lines) + "\n"


def google_xml(declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    """RSS 2.0 with Google's namespace: plain and prefixed elements, repeated ones, parts, CDATA."""
    return f"""{declaration}
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">
<channel><title>The shop</title><link>https://shop.example</link><description>All</description>
<item>
  <g:id>TV-1</g:id><title>not this</title><g:title>24&quot; Monitor</g:title>
  <g:description><![CDATA[<p>Sharp &amp; bright.</p><ul><li>HDMI</li></ul>]]></g:description>
  <link>https://shop.example/tv-1</link>
  <g:image_link>a.png</g:image_link>
  <g:additional_image_link>b.png</g:additional_image_link><g:additional_image_link>c.png</g:additional_image_link>
  <g:price>1,299.00 USD</g:price><g:sale_price>15.99 USD</g:sale_price><g:availability>in_stock</g:availability>
  <g:item_group_id>TV</g:item_group_id><g:product_type>Home &gt; Screens</g:product_type>
  <g:google_product_category>305</g:google_product_category>
  <g:gtin>0012345678905</g:gtin><g:brand>Acme</g:brand><g:size>24</g:size>
  <g:shipping><g:country>US</g:country><g:region>CA</g:region><g:service>Ground</g:service><g:price>5.00 USD</g:price>
  </g:shipping>
</item>
<item><g:id>TV-2</g:id><g:title>Television</g:title><g:description>{LONG}</g:description>
  <link>https://shop.example/tv-2</link><g:image_link>b.png</g:image_link><g:price>899 USD</g:price>
  <g:availability>out of stock</g:availability><g:item_group_id>TV</g:item_group_id>
  <g:google_product_category>Electronics &gt; Video &gt; Televisions</g:google_product_category>
  <g:gtin>12345678905</g:gtin><g:brand>Acme</g:brand><g:size>32</g:size></item>
<item><g:id>CARD</g:id><g:title>Gift card</g:title><g:description>For those who have all</g:description>
  <g:price>25.00 USD</g:price></item>
</channel></rss>
"""


SHOPIFY = table(
    [
        [
            *(
                "Handle",
                "Title",
                "Body (HTML)",
                "Vendor",
                "Product Category",
                "Type",
                "Tags",
                "Published",
                "Option1 Name",
            ),
            *("Option1 Value", "Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty"),
            *("Variant Inventory Policy", "Variant Price", "Variant Compare At Price", "Variant Barcode", "Image Src"),
            *("Image Position", "Image Alt Text", "SEO Title", "Variant Image", "Cost per item", "Status"),
        ],
        [
            *(
                "leopard-case",
                "Leopard case",
                "<p>A case,\nwith <b>spots</b></p>",
                "Acme",
                "Phones > Cases",
                "phone case",
            ),
            *("leopard, gift", "true", "Size", "S", "LC-S", "10", "shopify", "0", "deny", "19.90", "25.00"),
            *("'0012345678905", "a.png", "1", "front", "Buy it", "a.png", "3.11", "active"),
        ],
        [
            *("leopard-case", "", "", "", "", "", "", "", "", "M", "LC-M", "10", "shopify", "4", "deny", "17.90", ""),
            *("'0012345678912", "b.png", "2", "back", "", "b.png", "3.11", ""),
        ],
        ["leopard-case", *[""] * 17, "c.png", "3", "side", *[""] * 4],
        [
            *("card", "Gift card", "", "Acme", "", "", "", "true", "Title", "Default Title", "", "0", "", "", "deny"),
            *("10.00", "", "", "", "", "", "", "", "", "active"),
        ],
        ["card", *[""] * 8, "Default Title", "", "0", "", "", "deny", "50.00", *[""] * 9],
    ]
)

SHOPIFY_NEW = table(
    [
        [
            *("Title", "URL handle", "Description", "Vendor", "Type", "Status", "SKU", "Barcode", "Option1 name"),
            *("Option1 value", "Price", "Compare-at price", "Inventory tracker", "Inventory quantity"),
            *("Continue selling when out of stock", "Product image URL", "Variant image URL", "Cost per item"),
        ],
        [
            *(
                "Leopard case",
                "leopard-case",
                "A case",
                "Acme",
                "phone case",
                "Active",
                "LC-S",
                "12345678905",
                "Size",
                "S",
            ),
            *("19.90", "", "shopify", "0", "TRUE", "a.png", "", "3.11"),
        ],
        [
            "",
            "leopard-case",
            *[""] * 4,
            "LC-M",
            "",
            "",
            "M",
            "17.90",
            "",
            "shopify",
            "4",
            "FALSE",
            "b.png",
            "a.png",
            "",
        ],
    ]
)

WOOCOMMERCE = table(
    [
        [
            *("ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Short description", "Description"),
            *("In stock?", "Stock", "Sale price", "Regular price", "Categories", "Tags", "Images", "Parent"),
            *("Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global", "Meta: _cost"),
        ],
        [
            *("44", "variable", "HOOD", "", "Hoodie", "1", "Warm", "<p>Soft</p>\\nand warm", "1", "", "", ""),
            *(
                "Clothing > Hoodies, Sale\\, now",
                "soft, warm",
                "a.png, b.png",
                "",
                "Color",
                "Blue, Green",
                "1",
                "1",
                "7",
            ),
        ],
        [
            *("45", "variation", "HOOD-B", "0012345678905", "Hoodie - Blue", "1", "", "", "0", "", "39,90", "1.045,00"),
            *("", "", "b.png", "HOOD", "Color", "Blue", "", "1", "7"),
        ],
        [
            *("46", "variation", "HOOD-G", "", "Hoodie - Green", "1", "", "", "backorder", "", "", "1.040,00"),
            *("", "", "c.png", "HOOD", "Color", "Green", "", "1", "7"),
        ],
        [
            *("50", "simple", "", "", "Poster", "-1", "", "", "1", "3", "", "9,90", "Art", "", "c.png", ""),
            *("", "", "", "", ""),
        ],
    ]
)


OPENAI: list[dict[str, object]] = [
    {
        "id": "prod_tee",
        "title": "Classic Tee",
        "description": {"html": "<p>Soft &amp; light</p>"},
        "url": "https://shop.example/tee",
        "media": [{"type": "image", "url": "a.png", "alt_text": "Front"}, {"type": "video", "url": "v.mp4"}],
        "variants": [
            {
                "id": "tee-red-s",
                "title": "Classic Tee - Red / Small",
                "barcodes": [{"type": "GTIN", "value": "00012345600012"}],
                "price": {"amount": 1999, "currency": "USD"},
                "list_price": {"amount": 2499, "currency": "USD"},
                "availability": {"available": False, "status": "out_of_stock"},
                "categories": [{"value": "212"}, {"value": "Apparel > Shirts", "taxonomy": "merchant"}],
                "condition": ["new"],
                "variant_options": [{"name": "Color", "value": "Red"}, {"name": "Size", "value": "Small"}],
                "media": [{"type": "image", "url": "b.png"}],
                "seller": {"name": "Acme", "links": []},
            },
            {
                "id": "tee-red-m",
                "title": "Classic Tee - Red / Medium",
                "price": {"amount": 1500, "currency": "USD"},
                "availability": {"available": True, "status": "limited_stock"},
                "variant_options": [{"name": "Color", "value": "Red"}, {"name": "Size", "value": "Medium"}],
                "media": [{"type": "image", "url": "a.png"}],
            },
            {"id": "tee-eur", "title": "The same", "price": {"amount": 100, "currency": "EUR"}},
        ],
    },
    {
        "id": "prod_card",
        "variants": [
            {
                "id": "card",
                "title": "Gift card",
                "description": {"plain": "2 < 3", "html": "<b>not this</b>"},
                "price": {"amount": 2500, "currency": "JPY"},
                "availability": {"available": True},
            }
        ],
    },
    {"id": "prod_bare", "title": "Bare", "variants": [{"id": "bare", "title": "Bare", "price": "?", "media": {}}, 3]},
]
"""Products with their variants, as the Agentic Commerce Protocol has them, and one with values of other types."""
