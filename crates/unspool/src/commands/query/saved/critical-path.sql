-- What the run waited for at its end: from the first process down to the child that ended last, and so on.
with recursive children as (
  select run, parent_id, process_id, row_number() over (partition by run, parent_id order by ended desc, process_id desc) as place
  from processes
  where parent_id is not null and ended is not null
), chain as (
  select run, process_id, 0 as depth from processes where parent_id is null
  union all
  select children.run, children.process_id, chain.depth + 1
  from chain
  join children on children.run = chain.run and children.parent_id = chain.process_id and children.place = 1
)
select chain.run, chain.depth, p.command, p.pid, p.cmdline, p.started, p.ended, p.duration_ns / 1000000 as ms
from chain
join processes p on p.run = chain.run and p.process_id = chain.process_id
order by chain.run, p.started, chain.depth
