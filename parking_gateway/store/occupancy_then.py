"""The occupancy of a space at an earlier time, as parts of a statement. The stays have it, corrected after late uplinks.

They know neither reservations nor maintenance. A statement that uses these has the table `space`.
"""


def occupancy_then(at: str) -> str:
    """The occupancy, of a statement with `stay_then`. `at` is an expression for the time."""
    return f"case when space.arrived_at <= {at} or stay.departed_at > {at} then 'occupied' else 'vacant' end"


def stay_then(space: str, at: str, *, on: str = "true") -> str:
    """The join of the last stay that ended, of those that had begun by then."""
    return f"""
left join lateral (
    select past_stay.departed_at
    from past_stay
    where
        past_stay.space = {space} and past_stay.arrived_at <= {at} and past_stay.withdrawn_at is null
        and past_stay.departed_at is not null
    order by past_stay.arrived_at desc
    limit 1
) as stay on {on}
"""
