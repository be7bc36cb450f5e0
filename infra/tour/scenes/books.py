"""The catalogue of books, and how it is read."""

from infra.tour.acts import Open, Press, Scroll, Watch, Write
from infra.tour.pages import Who
from infra.tour.plan import Scene, Step

BOOKS = Scene(
    "Livros: o catálogo",
    Who.ADMIN,
    (
        Step(
            "O catálogo é lido de uma loja; aqui, uma de livros inventados. "
            "A busca responde enquanto se digita.",
            (Open("/console/livros"), Write("#title", "rio")),
        ),
        Step(
            "Filtros dizem quantos livros há de cada coisa.",
            (Press(".facets li a >> nth=2", then=".chips a"),),
        ),
        Step(
            "Cada livro guarda a história do seu preço, e tem títulos parecidos pelo texto.",
            (Open("/console/livros/{livro}"), Scroll("section:has(#precos)")),
        ),
        Step("E o catálogo em números, por categoria.", (Open("/console/livros/numeros"),)),
    ),
)

SCRAPING = Scene(
    "Livros: a coleta",
    Who.ADMIN,
    (
        Step(
            "Uma coleta nova se acompanha ao vivo; o catálogo só troca se a leitura for boa.",
            (
                Open("/console/livros/coletas"),
                Press("section:has(#ler) button.main", then=".progress"),
                Watch(".badge:has-text('Concluída')", 4.0),
            ),
        ),
        Step(
            "Páginas que não puderam ser lidas ficam em quarentena, com o motivo.",
            (Open("/console/livros/quarentena"),),
        ),
    ),
)
