-- elkpump, chart: how many calls of each kind.
select name as syscall, count(*) as calls
from events
where kind = 'syscall'
group by name
order by calls desc, syscall
