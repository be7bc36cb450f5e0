"""What the pages call things: kinds and roles of columns, states, hyperparameters."""

from collections.abc import Mapping

from chalicelib.console.sections import Tone
from chalicelib.prices.experiment import Parte
from chalicelib.prices.membership import Papel
from chalicelib.prices.schemas_datasets import EstadoDataset, PapelColuna, TipoColuna

ROLES: Mapping[str, tuple[str, str]] = {
    Papel.LEITOR.value: ("Leitura", "vê tudo e faz previsões"),
    Papel.TREINADOR.value: ("Treino", "também envia dados e treina"),
    Papel.ADMIN.value: ("Administração", "também promove versões e compartilha"),
    Papel.DONO.value: ("Dono", "pode tudo, até excluir e transferir"),
}

KINDS: Mapping[str, str] = {
    TipoColuna.NUMERO.value: "Número",
    TipoColuna.CATEGORIA.value: "Categoria",
    TipoColuna.BOOLEANO.value: "Sim ou não",
    TipoColuna.DATA.value: "Data",
    TipoColuna.TEXTO.value: "Texto",
    TipoColuna.IDENTIFICADOR.value: "Identificador",
}
PARTS: Mapping[str, str] = {
    PapelColuna.ENTRADA.value: "Entrada",
    PapelColuna.ALVO.value: "Alvo",
    PapelColuna.GRUPO.value: "Grupo",
    PapelColuna.TEMPO.value: "Tempo",
    PapelColuna.IGNORAR.value: "Ignorada",
}

DATASETS: Mapping[str, tuple[str, Tone]] = {
    EstadoDataset.RECEBIDO.value: ("Na fila", "neutro"),
    EstadoDataset.PERFILANDO.value: ("Sendo lido", "atencao"),
    EstadoDataset.PRONTO.value: ("Pronto", "bom"),
    EstadoDataset.RECUSADO.value: ("Recusado", "critico"),
}

JOBS: Mapping[str | None, tuple[str, Tone]] = {
    "queued": ("Na fila", "neutro"),
    "running": ("Treinando", "atencao"),
    "succeeded": ("Concluído", "bom"),
    "failed": ("Falhou", "critico"),
    "cancelled": ("Interrompido", "neutro"),
    None: ("Antigo", "neutro"),
}

TASKS: Mapping[str, str] = {
    "regressao": "um número",
    "classificacao": "uma classe",
}

DATE_PARTS: Mapping[Parte, str] = {
    "ano": "ano",
    "mes": "mês",
    "dia_semana": "dia da semana",
    "dia_do_ano": "dia do ano",
    "idade_dias": "idade em dias",
}
VALIDATIONS: Mapping[str, str] = {
    "k_fold": "Dobras sorteadas",
    "hold_out": "Uma só divisão",
    "k_fold_grupos": "Dobras por grupo",
    "k_fold_tempo": "Do passado para o futuro",
}

UNSEEN: Mapping[str, str] = {
    "categoria_nova": "o treino não viu esta categoria",
    "abaixo_da_faixa": "abaixo de tudo o que o treino viu",
    "acima_da_faixa": "acima de tudo o que o treino viu",
    "ausente_inedito": "no treino nunca faltava",
}

FIGURES: Mapping[str, str] = {
    "comparacao": "Erro de cada algoritmo, dobra por dobra",
    "previsto_observado": "Previsto e observado",
    "residuos": "Resíduos",
    "importancia": "Importância das colunas",
    "aprendizado": "Curva de aprendizado",
    "busca": "Busca de hiperparâmetros",
    "cobertura": "Cobertura dos intervalos",
    "confusao": "Matriz de confusão",
    "roc": "Curva ROC",
    "pr": "Precisão e cobertura",
    "calibracao": "Calibração",
}
"""Name of a figure -> what it is called, in the order in which they are shown."""

NO_LIMIT = "Em branco: sem limite."
BLANKS: Mapping[str, str] = {
    "max_features": "Em branco: metade das colunas até 10.000 linhas, todas além disso.",
    "min_samples_leaf": "Em branco: um décimo das linhas, de 5 a 20.",
}
"""What a hyperparameter left blank means, where that is not `NO_LIMIT`."""
HYPERPARAMETERS: Mapping[str, tuple[str, str]] = {
    "C": ("Peso dos erros (C)", "Mais alto, menos suave."),
    "activation": ("Função de ativação", ""),
    "alpha": ("Penalidade (alpha)", "Mais alta, modelo mais simples."),
    "batch_size": ("Linhas por passo", ""),
    "ccp_alpha": ("Custo de uma folha", "Poda a árvore; zero não poda."),
    "epsilon": ("Erro sem custo (epsilon)", "Em desvios-padrão do alvo."),
    "fit_intercept": ("Termo constante", ""),
    "gamma": ("Alcance (gamma)", "Mais alto, alcance menor; scale segue as colunas."),
    "hidden_layer_sizes": ("Camadas ocultas", "Unidades de cada uma, como 64, 32."),
    "kernel": ("Núcleo", ""),
    "l1_ratio": ("Parcela que zera colunas", "De 0, como Ridge, a 1, como Lasso."),
    "l2_regularization": ("Penalidade das folhas", "Encolhe folhas pequenas."),
    "learning_rate": ("Taxa de aprendizado", "Parcela da correção de cada árvore."),
    "learning_rate_init": ("Taxa de aprendizado", "Tamanho dos primeiros passos."),
    "max_bins": ("Faixas por coluna", ""),
    "max_depth": ("Profundidade", "Níveis de uma árvore."),
    "max_features": ("Colunas por corte", "Parcela das colunas."),
    "max_iter": ("Passos no máximo", ""),
    "histograma_gradiente.max_iter": ("Árvores", ""),
    "max_leaf_nodes": ("Folhas por árvore", ""),
    "max_linhas": ("Linhas usadas no máximo", "Sorteadas quando há mais."),
    "min_samples_leaf": ("Linhas por folha, no mínimo", ""),
    "n_estimators": ("Árvores", ""),
    "n_neighbors": ("Vizinhos", ""),
    "strategy": ("Resposta", ""),
    "subsample": ("Linhas por árvore", "Parcela sorteada para cada uma."),
    "weights": ("Peso dos vizinhos", ""),
}
"""Name of a hyperparameter, of one algorithm or of all -> what it is called, and a hint."""

OPTIONS: Mapping[str, str] = {
    "mean": "média",
    "median": "mediana",
    "uniform": "todos iguais",
    "distance": "os mais próximos pesam mais",
    "rbf": "curvo (rbf)",
    "linear": "reto (linear)",
    "True": "sim",
    "False": "não",
}
"""A value of a choice -> what it is called; others are called by themselves."""
