"""The gym: its desk, and those who keep its members."""

from infra.tour.acts import Choose, Open, Point, Press, Scroll, Write
from infra.tour.pages import Who
from infra.tour.plan import Scene, Step

DESK = Scene(
    "Academia: recepção",
    Who.ADMIN,
    (
        Step(
            "Matricular alguém é nome, e-mail e plano.",
            (
                Open("/console/academia/alunos/novo"),
                Write("#campo-nome", "Zoraide Prado"),
                Write("#campo-email", "zoraide@example.com"),
                Choose("#campo-plano_id", "2"),
                Press("main button.main", then=".toast"),
            ),
        ),
        Step(
            "Na recepção basta o começo do nome; a entrada é um toque, ou Enter.",
            (
                Open("/console/academia"),
                Write("#busca", "zor"),
                Press("[data-act]", then=".toast"),
            ),
        ),
    ),
)

RETENTION = Scene(
    "Academia: retenção",
    Who.ADMIN,
    (
        Step(
            "A lista do dia diz com quem falar, por quê, e qual jogada do clube serve ao caso.",
            (Open("/console/academia/retencao"), Scroll(".work"), Point(".work .reasons li")),
        ),
        Step(
            "O que resultou da conversa se registra em dois toques.",
            (
                Press(".work summary", then="button[value=vai_voltar]"),
                Press("button[value=vai_voltar]", then=".toast"),
            ),
        ),
        Step(
            "Cada risco tem motivos: contribuições do próprio modelo, "
            "que somam a diferença até a média.",
            (Open("/console/academia/alunos/{aluno}"), Point(".pushes li")),
        ),
        Step(
            "O ritmo da pessoa aparece ao lado do próprio costume, e o último ano dia a dia.",
            (Scroll("section:has(#ritmo)"),),
        ),
        Step(
            "Um grupo de controle, sorteado, mostra se os contatos funcionam, "
            "e o sistema diz quando ainda é cedo para concluir.",
            (Open("/console/academia/efeito"), Scroll("section:has(#coortes)")),
        ),
    ),
)
