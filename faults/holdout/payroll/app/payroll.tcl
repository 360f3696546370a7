# Pays temporary staff for a day: payroll.tcl DAY
lappend auto_path lib
package require tax

set day [lindex $argv 0]
set status 0

proc slurp {path {coding utf-8}} {
    set file [open $path]
    fconfigure $file -encoding $coding
    set text [read $file]
    close $file
    return $text
}

array set conf [slurp conf/payroll.conf]

# One payroll at a time.
set guard [open var/payroll.pid {WRONLY CREAT EXCL}]
puts $guard [pid]
close $guard

# Asks the shell of the database, which stays open: rows as lists.
proc ask {sql} {
    puts $::base "$sql;\nselect '--';"
    flush $::base
    set rows {}
    while {[gets $::base line] >= 0 && $line ne "--"} {
        lappend rows [split $line |]
    }
    return $rows
}

proc sheet {path} {
    lrange [split [string trim [slurp $path $::conf(coding)]] \n] 1 end
}

proc bank {path} {
    set text [slurp $path]
    set line [socket {*}$::conf(bank)]
    fconfigure $line -translation binary
    foreach {say want} [list "HELLO payroll" 220 "FILE [string length $text]" 354 $text 250 "BYE" 221] {
        puts $line $say
        flush $line
        if {[gets $line answer] < 0} { error "bank: hung up after [string range $say 0 12]" }
        if {![string match "$want*" $answer]} { error "bank: $answer" }
    }
    close $line
}

# A team's slips, by a child that reads from us and tells when it is done.
proc start {} {
    global waiting running conf day pay
    while {[llength $waiting] && $running < $conf(pool)} {
        set waiting [lassign $waiting team]
        set child [open "|[list [info nameofexecutable] lib/slip.tcl $day $team $conf(level)]" r+]
        puts $child [join $pay($team) \n]
        close $child write
        fileevent $child readable [list finish $child $team]
        incr running
    }
    if {!$running} { set ::finished 1 }
}

proc finish {child team} {
    read $child
    if {[catch {close $child} why]} {
        puts "slips of $team: $why"
        set ::status 1
    }
    incr ::running -1
    start
}

try {
    file mkdir out/$day
    tax::load conf/rates.tsv
    set free {}
    catch { set free [slurp conf/holidays.txt] }
    set factor [expr {$day in $free ? 2.0 : 1.0}]
    set base [open "|sqlite3 -batch var/staff.db" r+]
    ask ".timeout $conf(wait_ms)"

    set orders {}
    set total 0
    foreach path [lsort [glob in/$day/*.csv]] {
        set team [file rootname [file tail $path]]
        set hours {}
        foreach line [sheet $path] {
            lassign [split $line ";"] person name from till
            if {![string is double -strict $till]} continue
            dict incr hours $person [expr {round(($till - $from) * 100)}]
            set names($person) $name
        }
        if {![dict size $hours]} {
            puts "$team: no hours"
            continue
        }
        set classes [tax::classes $conf(office) [dict keys $hours] $conf(tries)]
        set pay($team) {}
        ask "begin immediate"
        dict for {person worked} $hours {
            lassign [lindex [ask "select wage, account from contracts where person = $person order by since desc limit 1"] 0] wage account
            if {$wage eq ""} continue
            set gross [expr {round($worked * $wage * $factor / 100.0)}]
            set class [expr {[dict exists $classes $person] ? [dict get $classes $person] : ""}]
            set tax [tax::of $class $gross]
            lappend pay($team) [join [list $person $names($person) [expr {$worked / 100.0}] $gross $tax] \t]
            lappend orders "$account;[expr {$gross - $tax}];EUR;pay $day"
            incr total $gross
            puts $base "insert into paid values('$day', $person, $gross, $tax);"
        }
        ask "commit"
    }
    close $base

    set waiting [lsort [array names pay]]
    set running 0
    start
    if {![info exists finished]} { vwait finished }

    set file [open out/$day/orders.txt w]
    puts $file [join $orders \n]
    close $file
    bank out/$day/orders.txt
    set sum [lindex [exec sha256sum out/$day/orders.txt] 0]
    set book books/[string range $day 0 6].tsv
    set file [open $book a]
    puts $file "$day\t[llength $orders]\t$total\t$sum"
    close $file
    exec sort -u -o $book.new $book
    file rename -force $book.new $book
    if {[file exists lib/after.tcl]} { source lib/after.tcl }
    puts "$day: [llength $orders] paid, $total cents"
} on error {why} {
    puts "payroll: $why"
    set status 1
}
file delete var/payroll.pid
exit $status
