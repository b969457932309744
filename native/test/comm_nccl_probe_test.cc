#include "comm/nccl/nccl_probe.h"

#include "test/nccl_ranks.h"

using namespace scmoe::comm;

TEST(a_probe_tells_libraries_versions_and_devices) {
  const NcclProbe probe = probeNccl({"/nowhere/libnccl.so.2", kNccl}, {kCuda});
  CHECK(probe.ncclPath == kNccl && probe.ncclVersion == "2.30.7" && probe.ncclProblem.empty());
  CHECK(probe.driverPath == kCuda && probe.driverVersion == "13.0" && probe.driverProblem.empty());
  CHECK(probe.devices.size() == 8);
  CHECK(probe.devices[3].name == "stand-in device 3");
  CHECK(probe.devices[3].uuid == "GPU-00000000-0000-0000-0000-000000000003");
  CHECK(has(jsonOf(probe), "\"nccl\":{\"path\":\"" + kNccl + "\",\"version\":\"2.30.7\",\"problem\":\"\"}"));
}

TEST(a_probe_says_of_every_candidate_why_it_will_not_do) {
  const std::string missing = probeNccl({"/nowhere/libnccl.so.2", "libno-such-nccl.so"}, {}).ncclProblem;
  CHECK(has(missing, "no usable NCCL library: /nowhere/libnccl.so.2: cannot open shared object file"));
  CHECK(has(missing, "; libno-such-nccl.so: cannot open shared object file"));
  CHECK(has(probeNccl({kLacking}, {}).ncclProblem, kLacking + " lacks ncclRecv"));
  CHECK(has(probeNccl({}, {}).driverProblem, "no CUDA driver: there is nowhere to look"));
  CHECK(has(probeNccl({}, {"libm.so.6"}).driverProblem, "libm.so.6 lacks cuInit, cuDriverGetVersion"));
  const Knob old("STANDIN_NCCL_VERSION", "21403"), none("STANDIN_CUDA_DEVICES", "0");
  const NcclProbe probe = probeNccl({kNccl}, {kCuda});
  CHECK(has(probe.ncclProblem, kNccl + " is NCCL 2.14.3, too old: 2.17.0 is the oldest that can be used"));
  CHECK(has(probe.driverProblem, "cuInit: CUDA error 100, no CUDA-capable device is detected"));
}
