# Stands between a parent with threads and a program, so that the program is told once of the parent's death; why, and
# what it does in full, is said in launcher.py, which does the same where setpriv or env --default-signal is missing. A
# shell is there in 3 ms, an interpreter of Python in 16 ms.
#
# sh between.sh SIGNAL PROGRAM ARGUMENT...        started through: setpriv --pdeathsig KILL --
told=$1
shift
child=
early=
hand_on() { # a signal that comes before the program is there waits for it
	if [ "$child" ]; then kill -s "$1" "$child"; else early=$1; fi
}
for name in INT TERM QUIT HUP; do
	# shellcheck disable=SC2064 # the name of this turn is meant
	trap "hand_on $name" "$name"
done
# A shell starts what is behind "&" deaf to SIGINT and SIGQUIT, and puts words of its own into the environment.
env -u PWD -u OLDPWD -u SHLVL -u _ --default-signal=INT,QUIT setpriv --pdeathsig "$told" -- "$@" &
child=$!
[ "$early" ] && hand_on "$early"
while :; do
	wait "$child" # a signal ends it early
	code=$?
	kill -0 "$child" 2>/dev/null || break
done
if [ "$code" -gt 128 ]; then
	name=$(kill -l "$code")
	trap - "$name" 2>/dev/null
	kill -s "$name" $$
fi
exit "$code"
