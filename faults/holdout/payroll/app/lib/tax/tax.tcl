# Tax by class, and the office that knows the classes.
package provide tax 1.4
package require http

namespace eval tax {
    variable rates {}
}

proc tax::load {path} {
    variable rates
    set file [open $path]
    foreach line [split [string trim [read $file]] \n] {
        lassign [split $line \t] class rate
        dict set rates $class $rate
    }
    close $file
}

proc tax::of {class gross} {
    variable rates
    expr {[dict exists $rates $class] ? round($gross * [dict get $rates $class]) : round($gross * 0.42)}
}

# Asks for the classes of some people: a dict; patiently.
proc tax::classes {office people tries} {
    for {set try 1} {$try <= $tries} {incr try} {
        if {![catch {http::geturl $office -query [join $people ,] -timeout 6000} token]} {
            set code [http::ncode $token]
            set answer [http::data $token]
            http::cleanup $token
            if {$code == 200} { return $answer }
            puts "tax office: $code"
        } else {
            puts "tax office: $token"
        }
        if {$try < $tries} { after [expr {150 * $try}] }
    }
    return {}
}
