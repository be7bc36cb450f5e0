"""The film, scene by scene. A scene needs nothing of another, so each can be cut or moved."""

from infra.tour.acts import Choose, Open, Point, Press, Scroll, Watch, Write
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
CREDIT_DATA = Scene(
    "Crédito: os dados",
    Who.COMPANY,
    (
        Step(
            "No crédito cada empresa envia seus pedidos em lotes e treina o próprio modelo.",
            (Open("/console/credito/envios/{envio}"),),
        ),
        Step(
            "O que não pôde ser lido é dito linha por linha, com o motivo.",
            (Scroll("section:has(#erros)"),),
        ),
    ),
)
CREDIT_ORDER = Scene(
    "Crédito: um pedido",
    Who.COMPANY,
    (
        Step(
            "Um pedido novo é número, cliente e valor. Regras e modelo respondem na hora.",
            (
                Open("/console/credito/pedidos/novo"),
                Write("#campo-numero", "N-2041"),
                Write("#campo-cliente", "{cliente}"),
                Write("#campo-valor", "3.900,00"),
                Press("main button.main", then="#decisao"),
            ),
        ),
        Step(
            "A decisão vem com seus motivos em cascata, do risco usual ao risco deste pedido.",
            (Open("/console/credito/pedidos/{pedido}"), Scroll("section:has(#porque)")),
        ),
        Step(
            "Quando nega, diz a menor mudança que o faria aprovar.",
            (Point("section:has(#porque) h3"),),
        ),
    ),
)
CREDIT_PEOPLE = Scene(
    "Crédito: pessoas decidem",
    Who.COMPANY,
    (
        Step(
            "Entre os dois limiares decide uma pessoa, e o motivo fica com o pedido.",
            (
                Open("/console/credito/revisoes"),
                Write(".settle input[name=motivo]", "Cliente antigo"),
                Press(".settle button[value=aprovado]", then=".toast"),
            ),
        ),
        Step(
            "Uma política nova mostra, antes de valer, o que mudaria nos pedidos já decididos.",
            (
                Open("/console/credito/politica"),
                Press("[name='regras.valor_do_pedido.ativa']", then="main"),
                Write("[name='regras.valor_do_pedido.maximo']", "4.000,00"),
                Press("button[value=simular]", then="#efeito"),
            ),
        ),
        Step(
            "Tudo fica numa trilha encadeada: quem alterar uma entrada quebra a corrente.",
            (
                Open("/console/credito/auditoria"),
                Press("main .head button.main", then=".alert[role=status]"),
            ),
        ),
    ),
)
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

SCENES = (
    ENTRY,
    HOME,
    DESK,
    RETENTION,
    MODELS,
    CREDIT_DATA,
    CREDIT_ORDER,
    CREDIT_PEOPLE,
    BOOKS,
    SCRAPING,
    OPERATION,
    END,
)
