package ifneeded tax 1.4 [list source [file join $dir tax.tcl]]
