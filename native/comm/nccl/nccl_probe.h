#pragma once
#include <string>
#include <vector>

namespace scmoe::comm {

struct NcclDevice {
  std::string name;
  std::string uuid;
};

/// What the NCCL engine finds on this machine. A problem says why there is nothing; empty for none.
struct NcclProbe {
  std::string ncclPath, ncclVersion, ncclProblem;
  std::string driverPath, driverVersion, driverProblem;
  std::vector<NcclDevice> devices;
};

/// Never throws. Both libraries are looked for even where the first is missing: one look tells all that has to be
/// installed.
NcclProbe probeNccl(const std::vector<std::string>& ncclCandidates, const std::vector<std::string>& driverCandidates);

/// {"nccl":{path,version,problem},"driver":{path,version,problem},"devices":[{name,uuid}]}
std::string jsonOf(const NcclProbe& probe);

}  // namespace scmoe::comm
