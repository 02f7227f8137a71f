"""`withthis search`: in this process, or through a running service (`--url`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from PIL.Image import Image

from service.build import build_service
from service.cli.catalog_option import InCatalog, start_in
from service.cli.client import ServiceClient
from service.cli.console import err, out
from service.cli.filter_option import Where, filter_of
from service.cli.image_grid import draw_search
from service.cli.tables import show_answer
from service.errors import ImageNotFound, ImageStoreUnavailable, InvalidImage, InvalidInput, InvalidValue
from service.images.crop import WHOLE
from service.images.decode import decode_image
from service.images.sources import UploadedImage
from service.search.hybrid import hybrid_options
from service.search.retrieval_types import DiversityOptions, GroupOptions, SortKey
from service.search.types import CroppedImage, ImageSource, ProductImage, RerankOptions, SearchRequest, WholeImage
from service.server.catalog import Catalog
from service.server.mapping.query_images import cropped_source
from service.server.mapping.search_request import to_negative
from service.server.mapping.search_response import from_response
from service.settings import Settings
from service.wire.catalogs import DEFAULT_CATALOG, catalog_path
from service.wire.query_images import CropBody
from service.wire.search import SearchOut

CROP_FORM = "--crop is four numbers from 0 to 1, and lies within the image: x,y,w,h, such as 0.1,0.2,0.5,0.5."

ImageOf = Callable[[str], Image | None]
"""Key of a catalog image → the image, or None if it is lost."""

Text = Annotated[str | None, typer.Option(help="A sentence, such as 'a phone case with this'.")]
ImagePath = Annotated[Path | None, typer.Option("--image", help="The image that 'this' refers to: a file.")]
Like = Annotated[str | None, typer.Option("--product", help="Use the stored image of this product instead of a file.")]
CropText = Annotated[
    str | None,
    typer.Option("--crop", help="The region of the image that counts: x,y,w,h from 0 to 1, such as '0.1,0.2,0.5,0.5'."),
]
Limit = Annotated[int | None, typer.Option(help="Number of products.")]
MinScore = Annotated[
    float | None, typer.Option("--min-score", help="Leave out products whose similarity is below this (-1 to 1).")
]
Hybrid = Annotated[
    bool | None,
    typer.Option("--hybrid/--no-hybrid", help="Add lexical search. Default: as configured."),
]
Understand = Annotated[
    bool | None,
    typer.Option(
        "--understand/--no-understand",
        help="Read price bounds, negations and the catalog's values in the text. Default: as configured.",
    ),
]
NegativeText = Annotated[str | None, typer.Option("--negative", help="What the products should not be, such as 'red'.")]
NegativeImage = Annotated[
    Path | None, typer.Option("--negative-image", help="An image of what the products should not be: a file.")
]
Sort = Annotated[
    list[str] | None,
    typer.Option(help="Sort by a field, such as 'price' or 'price:desc'; repeat it for further fields."),
]
GroupBy = Annotated[
    str | None, typer.Option("--group-by", help="Show products that share a value of this field once: 'item_group_id'.")
]
Variety = Annotated[
    float | None,
    typer.Option("--diversity", metavar="LAMBDA", help="Trade relevance (1) for variety (0); see `diversity`."),
]
Rerank = Annotated[bool | None, typer.Option(help="Rerank, or answer in retrieval order. Default: as configured.")]
Refine = Annotated[bool, typer.Option("--refine", help="Search once more, toward the best of the ranking.")]
Url = Annotated[str | None, typer.Option(help="Query the service at this URL instead of opening the store here.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
GridPath = Annotated[Path | None, typer.Option("--picture", help="Draw query and results into this file.")]


def search(
    *,
    text: Text = None,
    image: ImagePath = None,
    product: Like = None,
    crop: CropText = None,
    where: Where = None,
    limit: Limit = None,
    min_score: MinScore = None,
    hybrid: Hybrid = None,
    understand: Understand = None,
    negative: NegativeText = None,
    negative_image: NegativeImage = None,
    sort: Sort = None,
    group_by: GroupBy = None,
    diversity: Variety = None,
    rerank: Rerank = None,
    refine: Refine = False,
    url: Url = None,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
    grid: GridPath = None,
) -> None:
    """Search with a sentence, an image, or both."""
    settings = start_in(catalog, url)
    request = SearchRequest(
        text=text,
        image=_cropped(_source(image, product), crop),
        filter=filter_of(where),
        limit=settings.search.default_limit if limit is None else limit,
        min_score=min_score,
        rerank=RerankOptions(enabled=settings.rerank.enabled if rerank is None else rerank, refine=refine),
        hybrid=hybrid_options(settings.search.hybrid_defaults(), text, enabled=hybrid),
        understand=settings.search.understand_enabled if understand is None else understand,
        negative=to_negative(
            negative,
            settings.search.negative_weight,
            None if negative_image is None else _file(negative_image, "--negative-image"),
        ),
        sort=tuple(_sort_key(one) for one in sort or ()),
        group_by=None if group_by is None else GroupOptions(group_by),
        diversity=None if diversity is None else DiversityOptions(diversity),
    )
    if url is not None:
        with ServiceClient(url, settings, catalog=catalog) as client:
            _show(client.search(request), request, settings, client.image, as_json=as_json, grid=grid)
        return
    service = build_service(settings)
    try:
        opened = service.default.ready()  # the only one, whatever its name is
        answer = from_response(opened.pipeline.search(request), catalog_path(catalog))
        _show(answer, request, settings, _local_images(opened), as_json=as_json, grid=grid)
    finally:
        service.close()


def _show(
    answer: SearchOut,
    request: SearchRequest,
    settings: Settings,
    image_of: ImageOf,
    *,
    as_json: bool,
    grid: Path | None,
) -> None:
    if grid is not None:
        _draw(answer, request, settings, image_of, grid)
    if as_json:
        out.print_json(answer.model_dump_json(), ensure_ascii=out.is_terminal)
    else:
        show_answer(out, answer)


def _draw(answer: SearchOut, request: SearchRequest, settings: Settings, image_of: ImageOf, path: Path) -> None:
    if not answer.results:
        err.print("[yellow]No image was drawn: there are no results.[/]")
        return
    keys = [(result.product.image_url or "").rpartition("/")[2] for result in answer.results]
    sheet = draw_search(answer, [image_of(key) for key in keys], _shown(request.image, settings), request.text)
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:  # ValueError: an ending that Pillow does not know
        raise InvalidValue(
            "The image cannot be written. Give a path that ends in .png in an existing folder."
        ) from error


def _shown(source: ImageSource | None, settings: Settings) -> Image | None:
    """The image of the query where it is a file, or the region of it."""
    whole, crop = (source.source, source.crop) if isinstance(source, CroppedImage) else (source, WHOLE)
    return decode_image(whole.data, settings.image_limits, crop).image if isinstance(whole, UploadedImage) else None


def _local_images(catalog: Catalog) -> ImageOf:
    def image_of(key: str) -> Image | None:
        try:
            return catalog.images.rendition(key).image
        except (ImageNotFound, ImageStoreUnavailable, InvalidImage):
            return None

    return image_of


def _source(image: Path | None, product: str | None) -> WholeImage | None:
    if image is not None and product is not None:
        raise InvalidInput("Give either --image or --product, not both.")
    if product is not None:
        return ProductImage(product)
    return None if image is None else _file(image, "--image")


def _file(path: Path, option: str) -> UploadedImage:
    try:
        return UploadedImage(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"The image file cannot be read. Check the path after {option}.") from error


def _cropped(source: WholeImage | None, crop: str | None) -> ImageSource | None:
    if crop is None:
        return source
    if source is None:
        raise InvalidInput("--crop is about an image. Give --image or --product, too.")
    try:
        x, y, width, height = map(float, crop.split(","))
        return cropped_source(source, CropBody(x=x, y=y, width=width, height=height))
    except ValueError as error:  # pydantic's own is one
        raise InvalidValue(CROP_FORM) from error


def _sort_key(text: str) -> SortKey:
    """A field, with `:asc` or `:desc` behind it, or without."""
    field, _, order = text.rpartition(":")
    return SortKey(field, order == "desc") if field and order in ("asc", "desc") else SortKey(text)
