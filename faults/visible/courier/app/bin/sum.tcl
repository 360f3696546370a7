# How many letters, how long they are.
set day [lindex $argv 0]
set left [lindex $argv 1]
set conf [open conf/sum.conf]
set limit [string trim [read $conf]]
close $conf
set bytes 0
set count 0
foreach name [lsort [glob -nocomplain sent/letter-*.txt]] {
    incr bytes [file size $name]
    incr count
}
puts "$day: $count letters, $bytes bytes, $left left"
if {$bytes > $limit} {
    puts stderr "more than $limit bytes"
    exit 3
}
