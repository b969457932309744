#!/usr/bin/env bash
# MPICH 5.0.2 (PyPI mpich): mpiexec with -pmi-port, which only says by which kind of connection PMI is spoken.
#
# Expected: the environment of a process is as without it, apart from the address of the connection.
# Does: PMI_RANK and PMI_SIZE are gone; there is PMI_ID in their place and no size, although the numbers on the host
# (MPI_LOCALRANKID, MPI_LOCALNRANKS) stay. The same in 4.0.2; mpiexec of Intel MPI 2021.18 has no such option.
#
# Output seen, with Python 3.11:
#   mpiexec: MPI_LOCALNRANKS=3 MPI_LOCALRANKID=2 PMI_RANK=2 PMI_SIZE=3
#   mpiexec -pmi-port: MPI_LOCALNRANKS=3 MPI_LOCALRANKID=2 PMI_ID=2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mpich==5.0.2

cat >numbers.sh <<'SH'
[ "$MPI_LOCALRANKID" = 2 ] && env | grep -E '^(MPI_LOCAL|PMI_(RANK|SIZE|ID)=)' | sort
exit 0
SH
for option in '' -pmi-port; do
  # shellcheck disable=SC2086
  echo "mpiexec${option:+ }$option: $(venv/bin/mpiexec $option -n 3 sh numbers.sh | tr '\n' ' ')" | sed 's/ *$//'
done | tee output
diff output - <<'TXT'
mpiexec: MPI_LOCALNRANKS=3 MPI_LOCALRANKID=2 PMI_RANK=2 PMI_SIZE=3
mpiexec -pmi-port: MPI_LOCALNRANKS=3 MPI_LOCALRANKID=2 PMI_ID=2
TXT
