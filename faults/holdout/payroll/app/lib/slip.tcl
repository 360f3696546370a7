# Writes the slips of a team and packs them: slip.tcl DAY TEAM LEVEL, lines of pay on stdin
lassign $argv day team level
set path out/$day/slips-$team.txt
set file [open $path.new w]
while {[gets stdin line] >= 0} {
    lassign [split $line \t] person name hours gross tax
    puts $file [format "%-30s %s\n  hours %6.2f\n  gross %9.2f\n  tax   %9.2f\n  net   %9.2f\n" \
        $name $person $hours [expr {$gross / 100.0}] [expr {$tax / 100.0}] [expr {($gross - $tax) / 100.0}]]
}
close $file
file rename -force $path.new $path
exec xz -f -$level $path
puts "$team done"
