"""Three gyms that differ in whom they attract, when these come and how they leave.

Rhythms are low and very unequal on purpose: members of real gyms come four to five times a
month on average (DellaVigna & Malmendier, "Paying Not to Go to the Gym", 2006), so ten days
of silence are ordinary for one and alarming for another.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from infra.local.simulation.habits import (
    Absences,
    Habits,
    Joining,
    Leaving,
    Opening,
    Persona,
    PlanoOffer,
    Rhythm,
    Timing,
    Turno,
)

PERSONAS = (
    Persona("assíduo", 0.13, 4.0, spread=0.2, veterans=1.9, stop_risk=0.4, pause_risk=0.6),
    Persona("regular", 0.25, 2.2, veterans=1.4, stop_risk=0.8),
    Persona("de fim de semana", 0.09, 1.0, veterans=1.2, weekend=7.0, stop_risk=0.9),
    Persona("esporádico", 0.17, 0.75, spread=0.35, pause_risk=1.3),
    Persona(
        "turista de janeiro",
        share=0.10,
        visits_per_week=2.2,
        veterans=0.1,
        january=4.0,
        stop_risk=2.0,
        decline_after_weeks=3.0,
        halving_weeks=5.0,
    ),
    Persona(
        "em queda lenta",
        share=0.12,
        visits_per_week=2.5,
        decline_after_weeks=26.0,
        halving_weeks=13.0,
    ),
    Persona("para de repente", 0.08, 2.6, veterans=0.6, stop_risk=2.8),
    Persona("some e volta", 0.07, 2.0, stop_risk=0.8, pause_risk=8.0),
)


def academia_de_bairro() -> Habits:
    """The neighbourhood gym: two peaks, a quiet Sunday, an annual plano for a quarter."""
    return Habits(
        name="academia_de_bairro",
        planos=(
            PlanoOffer("Básico", Decimal("89.90"), 0.34),
            PlanoOffer("Padrão", Decimal("119.90"), 0.28),
            PlanoOffer("Premium", Decimal("159.90"), 0.14),
            PlanoOffer("Anual", Decimal("94.90"), 0.24, commitment_months=12),
        ),
        personas=PERSONAS,
    )


def studio_premium() -> Habits:
    """The small dear studio: classes at fixed hours, fixed days, closed on Sunday, loyal."""
    return Habits(
        name="studio_premium",
        planos=(
            PlanoOffer("Básico", Decimal("349.00"), 0.38, visits_per_week=2.0),
            PlanoOffer("Padrão", Decimal("449.00"), 0.26, visits_per_week=3.0),
            PlanoOffer("Premium", Decimal("690.00"), 0.12),
            PlanoOffer("Anual", Decimal("399.00"), 0.24, commitment_months=12, visits_per_week=3.0),
        ),
        personas=_reweighted({"turista de janeiro": 0.4, "esporádico": 0.6, "regular": 1.5}),
        joining=Joining(veterans=0.55, veteran_months=22.0, never_comes=0.004, mean_age=41.0),
        rhythm=Rhythm(routine=2.2, volatility=0.09, drift=0.015, honeymoon=0.2),
        absences=Absences(trips_per_year=2.4, injuries_per_year=0.16),
        leaving=Leaving(
            stop_per_month=0.012,
            engagement_weight=0.9,
            cancel_stopped_per_month=0.6,
            forgetful=0.1,
            rival_chance=0.15,
        ),
        timing=Timing(
            weekdays=(1.1, 1.1, 1.1, 1.1, 0.8, 0.5, 0.0),
            turnos=(Turno(0.42, 8.0, 1.0), Turno(0.18, 12.0, 0.3), Turno(0.40, 18.3, 0.9)),
            weekday_opening=Opening(6.0, 21.5),
            weekend_opening=Opening(8.0, 13.0),
            hour_jitter=0.2,
            class_slots=True,
            holiday=0.1,
            minutes=61.0,
            minutes_between=0.1,
            minutes_within=0.12,
            missing_exit=0.03,
        ),
    )


def rede_24h() -> Habits:
    """The cheap chain that never closes: many try, many forget to cancel, some train at night."""
    return Habits(
        name="rede_24h",
        planos=(
            PlanoOffer("Básico", Decimal("79.90"), 0.46),
            PlanoOffer("Padrão", Decimal("99.90"), 0.22),
            PlanoOffer("Premium", Decimal("129.90"), 0.20),
            PlanoOffer("Anual", Decimal("84.90"), 0.12, commitment_months=12),
        ),
        personas=_reweighted({"turista de janeiro": 1.5, "esporádico": 1.5, "assíduo": 0.9}),
        joining=Joining(veterans=0.38, veteran_months=9.0, never_comes=0.03, mean_age=28.0),
        rhythm=Rhythm(routine=0.5, volatility=0.15, drift=0.025),
        absences=Absences(pauses_per_year=0.2),
        leaving=Leaving(
            stop_per_month=0.013,
            cancel_stopped_per_month=0.25,
            forgetful=0.45,
            rival_chance=0.5,
        ),
        timing=Timing(
            weekdays=(1.15, 1.1, 1.1, 1.0, 0.9, 0.65, 0.5),
            turnos=(
                Turno(0.24, 7.0, 1.1),
                Turno(0.11, 12.3, 0.8),
                Turno(0.13, 15.5, 1.3),
                Turno(0.43, 19.2, 1.4),
                Turno(0.09, 23.3, 1.3),
            ),
            weekend_hour=13.0,
            weekday_opening=Opening(0.0, 48.0),
            weekend_opening=Opening(0.0, 48.0),
            hour_jitter=0.8,
            other_hour=0.2,
            holiday=0.5,
            minutes=58.0,
            minutes_between=0.25,
            minutes_within=0.26,
            missing_exit=0.05,
        ),
    )


PRESETS: dict[str, Callable[[], Habits]] = {
    each.__name__: each for each in (academia_de_bairro, studio_premium, rede_24h)
}


def _reweighted(shares: dict[str, float]) -> tuple[Persona, ...]:
    """The usual personas, some more or less common than usual."""
    return tuple(replace(each, share=each.share * shares.get(each.name, 1.0)) for each in PERSONAS)
