"""Every question that is asked of history, as SQL that both engines understand.

Values are named `{name:Type}` as ClickHouse has it; the SQLite engine turns them into its own. Tables with later
versions of a row are read through the views `matches_now`, `rounds_now`, `prices_now`, `events_now`, which hold each
row once.
"""

from typing import Final

EVENTS_OF_MATCH: Final = """
select body, received from events_now where match_id = {match_id:String} order by received, position
"""
EVENTS_AFTER: Final = """
select body from events_now where match_id = {match_id:String} and position > {position:String}
order by position
"""
SNAPSHOT: Final = "select position, body from snapshots_now where match_id = {match_id:String}"
STANDING_PRICES: Final = """
select event_id, price_id, basis from prices_now
where match_id = {match_id:String} and price_id not in (
    select supersedes from prices_now where match_id = {match_id:String} and supersedes <> ''
)
"""
PRICES: Final = """
select * from prices_now
where match_id = {match_id:String} and ({map_id:String} = '' or map_id = {map_id:String})
order by ts_calc, state_version, price_id
"""
MATCH: Final = "select * from matches_now where match_id = {match_id:String}"
MATCHES: Final = """
select * from matches_now
where ({status:String} = '' or status = {status:String})
    and (began < {began:Float64} or (began = {began:Float64} and match_id > {match_id:String}))
order by began desc, match_id limit {count:UInt32}
"""
MATCHES_SEARCHED: Final = """
select * from matches_now
where began >= {begin:Float64} and began < {end:Float64}
    and lower(
        team_a_name || ' ' || team_b_name || ' ' || team_a_id || ' ' || team_b_id || ' ' || tournament || ' ' || summary
    ) like {pattern:String}
order by case when status = 'LIVE' then 0 else 1 end, began desc, match_id limit {count:UInt32}
"""
MATCHES_COUNTED: Final = """
select count(*) as matches from matches_now where ({status:String} = '' or status = {status:String})
"""
MATCHES_FINISHED: Final = """
select match_id, summary from matches_now
where status = 'FINISHED' and updated >= {since:Float64} and updated <= {until:Float64}
order by updated, match_id
"""
ROUNDS: Final = """
select * from rounds_now
where match_id = {match_id:String} and ({map_id:String} = '' or map_id = {map_id:String})
    and round_winner <> ''
order by map_id, round_no
"""
EVENTS_PAGE: Final = """
select * from events_now where match_id = {match_id:String} and received >= {since:Float64}
order by received, position limit {count:UInt32}
"""
TEAM: Final = """
select team_a_id, team_b_id, team_a_name, team_b_name, began from matches_now
where team_a_id = {team_id:String} or team_b_id = {team_id:String} order by began desc limit 1
"""
TEAM_METRICS: Final = """
select
    count(*) as rounds,
    sum(case when (round_winner = 'A') = (team_a_id = {team_id:String}) then 1 else 0 end) as rounds_won,
    sum(case when team_a_id = {team_id:String} then team_a_kills else team_b_kills end) as kills,
    sum(case when team_a_id = {team_id:String} then team_b_kills else team_a_kills end) as deaths,
    sum(case when team_a_id = {team_id:String} then team_a_headshots else team_b_headshots end) as headshots,
    sum(case when (team_a_side = 'CT') = (team_a_id = {team_id:String}) then 1 else 0 end) as ct_rounds,
    sum(case when (team_a_side = 'CT') = (team_a_id = {team_id:String})
        and (round_winner = 'A') = (team_a_id = {team_id:String}) then 1 else 0 end) as ct_rounds_won,
    count(distinct match_id) as matches
from (
    select r.match_id as match_id, r.round_winner as round_winner, r.team_a_side as team_a_side,
        r.team_a_kills as team_a_kills, r.team_b_kills as team_b_kills, r.team_a_headshots as team_a_headshots,
        r.team_b_headshots as team_b_headshots, m.team_a_id as team_a_id
    from rounds_now r join matches_now m on r.match_id = m.match_id
    where (m.team_a_id = {team_id:String} or m.team_b_id = {team_id:String}) and r.round_winner <> ''
) played
"""
EVENTS_BY_TYPE: Final = """
select type, count(*) as events from events_now where match_id = {match_id:String} group by type order by type
"""
EVENTS_COUNTED: Final = "select count(*) as events, count(distinct event_id) as different from events_now"
DAILY: Final = """
select day, count(*) as events, count(distinct match_id) as matches from events_now
where day >= {since:Int32} group by day order by day
"""
