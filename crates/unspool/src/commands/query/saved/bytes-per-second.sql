-- Bytes that each process moved in each second.
select run, per_second(time) as second, command, pid,
       sum(case when direction = 'in' then bytes end) as bytes_in,
       sum(case when direction = 'out' then bytes end) as bytes_out
from events
where bytes > 0 and direction is not null
group by run, per_second(time), command, pid
order by run, second, coalesce(sum(bytes), 0) desc
