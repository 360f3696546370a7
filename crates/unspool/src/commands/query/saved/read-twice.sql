-- Files that were opened and read more than once.
select path, count(*) as times, count(distinct process_id) as processes, human_bytes(sum(bytes_read)) as read
from sessions
where reads > 0 and path_kind = 'file'
group by path
having count(*) > 1
order by sum(bytes_read) desc, times desc
