# Certificates of web servers: web.sh STATE
left=$(sed -n 's/^certificate=//p' "$1")
[ "${left:-0}" -gt 12 ] || { echo "certificate ends in ${left:-no} days"; exit 1; }
