#include "core/parallel.h"

#include <omp.h>

#include <algorithm>

namespace scmoe {

namespace {
int teamSize = std::max(1, std::min(omp_get_num_procs(), omp_get_max_threads()));
}

int threads() { return omp_in_parallel() ? 1 : teamSize; }

void setThreads(int count) {
  teamSize = std::max(1, count);
  omp_set_num_threads(teamSize);
}

void joinTeam() { omp_set_num_threads(teamSize); }

}  // namespace scmoe
