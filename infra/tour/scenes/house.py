"""What all products share: the door, the beginning, models, and those who run it all."""

from infra.tour.acts import Open, Press, Scroll, Write
from infra.tour.pages import Who
from infra.tour.plan import Scene, Step

ENTRY = Scene(
    "Previsto",
    Who.NOBODY,
    (
        Step(
            "Previsões treinadas, com os seus motivos, onde pequenos negócios decidem. "
            "Quatro produtos, uma só entrada.",
            (
                Open("/entrar"),
                Write("#campo-username", "{login}"),
                Write("#campo-password", "{senha}"),
                Press("main button.main", then=".tiles"),
            ),
        ),
    ),
)

HOME = Scene(
    "Início",
    Who.ADMIN,
    (
        Step(
            "O Início reúne o que pede atenção hoje em cada produto que a pessoa pode usar.",
            (Open("/"),),
        ),
    ),
)

MODELS = Scene(
    "Modelos",
    Who.ADMIN,
    (
        Step(
            "Todo modelo é medido à noite: o que mudou nas entradas, "
            "e como acertou nos desfechos já conhecidos.",
            (Open("/console/modelos/churn"), Scroll("section:has(#versoes)")),
        ),
        Step(
            "Cada versão guarda seus dados e suas medidas, com intervalos, "
            "em linhas que não a treinaram.",
            (Press("section:has(#versoes) tbody a", then="#medidas"), Scroll("[data-plot]")),
        ),
    ),
)

OPERATION = Scene(
    "Operação",
    Who.ADMIN,
    (
        Step(
            "Quem opera vê pedidos, erros e tempos de cada rota,",
            (Open("/console/operacao"), Scroll("section:has(#tempo)")),
        ),
        Step(
            "tarefas com seu andamento, filas, banco e arquivos, usuários e a trilha da casa.",
            (Open("/console/operacao/tarefas"),),
        ),
    ),
)

END = Scene(
    "Previsto",
    Who.ADMIN,
    (
        Step(
            "Claro ou escuro, no celular ou na mesa, com ou sem JavaScript, "
            "e nada vem de fora. Um comando: make run.",
            (Open("/"), Press("aside [data-theme-switch]", then="html[data-theme=escuro]")),
        ),
    ),
)
