"""Jobs in words: what each queue does."""

QUEUES = {
    "aluno_queue": "Importação de alunos",
    "checkin_queue": "Importação de visitas",
    "books_scrape_queue": "Coleta do catálogo",
    "books_training_queue": "Treino do modelo de preços",
    "churn_probabilities_queue": "Cálculo dos riscos",
    "credit_lots_queue": "Recebimento de um lote",
    "credit_datasets_queue": "Conferência de um envio",
    "credit_orders_queue": "Decisão de um lote de pedidos",
    "credit_lgpd_queue": "Remoção de dados de um cliente",
    "credit_removals_queue": "Remoção de um envio",
    "credit_training_queue": "Treino do modelo de crédito",
    "credit_analysis_queue": "Análise do modelo de crédito",
    "daily_report_queue": "Relatório do dia",
    "lgpd_queue": "Remoção de dados pessoais",
    "model_update_queue": "Treino do modelo de risco",
    "model_comparison_queue": "Comparação de modelos",
    "analysis_queue": "Análise da academia",
    "prices_profile_queue": "Leitura de um arquivo de preços",
    "prices_training_queue": "Treino de modelos de preços",
    "prices_prediction_queue": "Previsão de um arquivo",
    "prices_analysis_queue": "Comparação e medição de modelos de preços",
    "prices_removal_queue": "Remoção de arquivos de preços",
}
"""Queue -> what its jobs do; a test sees that none is forgotten."""
