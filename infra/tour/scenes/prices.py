"""The price lab: from a file to a prediction that is explained."""

from infra.tour.acts import Attach, Open, Point, Press, Scroll, Slide, Watch, Write
from infra.tour.filling.prices import as_csv, made_up_flats
from infra.tour.pages import Who
from infra.tour.plan import Scene, Step

HOME = "/console/precos/{projeto}"
MORE_FLATS = 420

DATA = Scene(
    "Preços: os dados",
    Who.ADMIN,
    (
        Step(
            "No laboratório de preços um arquivo entra como está: separador, vírgula decimal "
            "e moeda são reconhecidos.",
            (
                Open(f"{HOME}/dados"),
                Attach("#arquivo", "anuncios.csv", lambda: as_csv(made_up_flats(MORE_FLATS, 9))),
                Write("#campo-nome", "Novembro"),
                Press("form[data-upload] button.main", then="main .tabs + :is(#andamento, .tiles)"),
                Watch("#colunas", 2.4),
            ),
        ),
        Step(
            "Cada coluna ganha um perfil, que se pode corrigir antes de treinar.",
            (Scroll("form:has(#colunas)"),),
        ),
    ),
)
EXPERIMENT = Scene(
    "Preços: o experimento",
    Who.ADMIN,
    (
        Step(
            "Treze algoritmos, cada um com seus ajustes, tentados nas mesmas linhas "
            "ao lado da regra ingênua.",
            (
                Open(f"{HOME}/treinos/novo?dataset={{dataset}}&alvo=preço"),
                Scroll("section:has(#com)"),
                Point(".algorithms li >> nth=2"),
            ),
        ),
        Step(
            "O treino corre na fila, diz em que passo está e quanto falta.",
            (
                Press(".sticky-action button.main", then="main h1"),
                Watch("#comparados", 4.0),
            ),
        ),
        Step(
            "Depois os compara com intervalos, e diz quando a vantagem pode ser acaso.",
            (Scroll("section:has(#comparados)"),),
        ),
    ),
)
PREDICTION = Scene(
    "Preços: a previsão",
    Who.ADMIN,
    (
        Step(
            "Com os controles se pergunta por qualquer caso; a resposta tem intervalo e motivos.",
            (
                Open(f"{HOME}/prever"),
                Slide("[data-slider] >> nth=0", 0.75),
                Press("form[data-ask] button.main", then="#resultado .score"),
            ),
        ),
        Step(
            "Tudo o que foi perguntado fica no histórico, e os valores reais medem o modelo.",
            (Open(f"{HOME}/historico"), Scroll("section:has(#previsoes)")),
        ),
    ),
)
