-- elkpump, chart: mappings of each process in each second.
select per_second(time) as second, pid, count(*) as mappings
from events
where name in ('mmap', 'mmap2')
group by per_second(time), pid
order by second, pid
