"""Made-up people: common Brazilian names combined at random, addresses nobody can own.

`example.com` is reserved for documentation (RFC 2606) and the area code 00 does not exist
in Brazil, so nothing written here reaches a person.
"""

import unicodedata

import numpy as np

from infra.local.simulation.arrays import Bools, Texts

FIRST = """
    Ana Beatriz Bruna Camila Carla Clara Daniela Débora Elisa Fernanda Gabriela Helena Isabela
    Joana Júlia Larissa Letícia Luana Luíza Manuela Mariana Natália Patrícia Rafaela Renata Sofia
    Tatiana Valéria Vitória Yasmin Alan André Antônio Bernardo Caio Carlos Cauã Daniel Davi
    Diego Eduardo Enzo Felipe Gabriel Gustavo Heitor Hugo Igor João José Leonardo Lucas Luiz
    Marcelo Matheus Miguel Murilo Otávio Paulo Pedro Rafael Renan Rodrigo Samuel Thiago Vinícius
""".split()  # noqa: SIM905 - sixty quoted names read worse
LAST = """
    Abreu Aguiar Almeida Alves Andrade Araújo Azevedo Barbosa Barros Batista Braga Brito Campos
    Cardoso Carvalho Castro Coelho Corrêa Costa Cunha Dias Duarte Farias Ferreira Fonseca Freitas
    Gomes Gonçalves Leite Lima Lopes Machado Magalhães Martins Medeiros Melo Mendes Miranda
    Monteiro Moraes Moreira Moura Nascimento Nogueira Oliveira Pereira Pinto Pires Queiroz Ramos
    Rezende Ribeiro Rocha Sales Santana Santos Silva Siqueira Souza Tavares Teixeira Vieira
""".split()  # noqa: SIM905 - sixty quoted names read worse


def people(rng: np.random.Generator, n: int) -> tuple[Texts, Texts]:
    """(n,) names and (n,) e-mails; names may repeat, e-mails carry the index and do not."""
    first, middle, last = (
        rng.choice(np.array(part), size=n).tolist() for part in (FIRST, LAST, LAST)
    )
    ascii_of = {name: _ascii(name) for name in (*FIRST, *LAST)}
    names = [" ".join(parts) for parts in zip(first, middle, last, strict=True)]
    emails = [
        f"{ascii_of[a]}.{ascii_of[b]}.{index}@example.com"
        for index, (a, b) in enumerate(zip(first, last, strict=True))
    ]
    return np.array(names), np.array(emails)


def telefones(rng: np.random.Generator, known: Bools) -> Texts:
    """(n,) numbers such as "+5500912345678"; empty where not `known`."""
    digits = rng.integers(0, 10**8, size=len(known)).tolist()
    return np.array(
        [f"+55009{d:08d}" if k else "" for d, k in zip(digits, known.tolist(), strict=True)]
    )


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
