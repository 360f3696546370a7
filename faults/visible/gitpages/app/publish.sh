#!/bin/sh
# Publishes the state of the repository: publish.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
. conf/publish.conf
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git -C mirror.git fetch -q "$PWD/upstream" "+$BRANCH:refs/heads/$BRANCH" || { echo "no news from upstream" >&2; exit 3; }
hash=$(git -C mirror.git rev-parse --short "$BRANCH") || exit 3
out=public/$day-$hash
mkdir "$out" || exit 4
work=$(mktemp -d) || exit 4
trap 'rm -rf "$work"' EXIT
git -C mirror.git archive "$hash" | tar -C "$work" -xf - || exit 3
make -s -f tools/site.mk "WORK=$work" "OUT=$out" || exit 5
curl -sf "$CHECKER/check/$day-$hash" -o "$out/.checked" || { echo "not checked" >&2; exit 6; }
ln -sfn "$out" current
ls -d public/*/ | head -n -"$KEEP" | xargs -r rm -r
