# Sourced by the tests with a Slurm of their own: munge and the daemons, which die with the test, and a configuration that
# lacks only its nodes.
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "only root can start Slurm's daemons"
PATH=$PATH:/usr/sbin
for program in slurmctld slurmd munged sbatch srun mpirun setpriv python3; do
  command -v "$program" >/dev/null || skip "no $program here"
done
cpus=$(nproc)
[ "$cpus" -ge 2 ] || skip "one core only"

work=$(mktemp -d)
chmod 755 "$work"
daemons=()
end_daemons() {
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
fail() {
  echo "FAILED: $*" >&2
  tail -n 40 "$work"/*.log "$work"/out/*.log >&2 2>/dev/null || true
  exit 1
}
daemon() { # LOG COMMAND...: dies with this script, even if it is killed
  setpriv --pdeathsig KILL "${@:2}" >"$work/$1.log" 2>&1 & daemons+=($!)
}
within() { # SECONDS COMMAND...: waits until it succeeds
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $deadline ] || return 1; sleep 0.2; done
}
gone() { [ -z "$(squeue --noheader --jobs="$1" 2>/dev/null)" ]; }

mkdir "$work/state" "$work/out"
dd if=/dev/urandom of="$work/munge.key" bs=128 count=1 status=none
chmod 400 "$work/munge.key"
export SLURM_CONF=$work/slurm.conf
cat >"$SLURM_CONF" <<END
ClusterName=limen
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$work/munge.socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
TmpFS=$work/tmp-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
daemon munged munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" \
  --pid-file="$work/munge.pid" --log-file="$work/munged-own.log" --seed-file="$work/munge.seed"
within 10 test -S "$work/munge.socket" || fail "munged did not start"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
