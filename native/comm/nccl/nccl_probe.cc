#include "comm/nccl/nccl_probe.h"

#include <cstdio>

#include "comm/error.h"
#include "comm/flight_recorder.h"
#include "comm/nccl/cuda_api.h"
#include "comm/nccl/nccl_api.h"

namespace scmoe::comm {

namespace {

/// As nvidia-smi writes it: GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.
std::string uuidText(const CudaUuid& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    text += digits;
    if (i == 3 || i == 5 || i == 7 || i == 9) text += '-';
  }
  return text;
}

void lookAtDevices(const CudaApi& cuda, NcclProbe& probe) {
  int version = 0, count = 0;
  cuda.check(cuda.driverGetVersion(&version), "cuDriverGetVersion");
  probe.driverVersion = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  cuda.check(cuda.init(0), "the CUDA driver does not start: cuInit");
  cuda.check(cuda.deviceGetCount(&count), "cuDeviceGetCount");
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int device = 0;
    char name[128] = "";
    CudaUuid uuid{};
    cuda.check(cuda.deviceGet(&device, ordinal), "cuDeviceGet");
    cuda.check(cuda.deviceGetName(name, sizeof(name), device), "cuDeviceGetName");
    cuda.check(cuda.deviceGetUuid(&uuid, device), "cuDeviceGetUuid");
    probe.devices.push_back({name, uuidText(uuid)});
  }
  if (count == 0) probe.driverProblem = "the CUDA driver finds no device";
}

std::string partOf(const std::string& path, const std::string& version, const std::string& problem) {
  return "{\"path\":" + jsonText(path) + ",\"version\":" + jsonText(version) + ",\"problem\":" + jsonText(problem) +
         "}";
}

}  // namespace

NcclProbe probeNccl(const std::vector<std::string>& ncclCandidates, const std::vector<std::string>& driverCandidates) {
  NcclProbe probe;
  try {
    const NcclApi nccl = NcclApi::open(ncclCandidates);
    probe.ncclPath = nccl.path;
    probe.ncclVersion = ncclVersionText(nccl.version);
  } catch (const Error& error) {
    probe.ncclProblem = error.what();
  }
  try {
    const CudaApi cuda = CudaApi::open(driverCandidates);
    probe.driverPath = cuda.path;
    lookAtDevices(cuda, probe);
  } catch (const Error& error) {
    probe.driverProblem = error.what();
    probe.devices.clear();
  }
  return probe;
}

std::string jsonOf(const NcclProbe& probe) {
  std::string devices;
  for (const auto& [name, uuid] : probe.devices)
    devices += (devices.empty() ? "" : ",") + ("{\"name\":" + jsonText(name) + ",\"uuid\":" + jsonText(uuid) + "}");
  return "{\"nccl\":" + partOf(probe.ncclPath, probe.ncclVersion, probe.ncclProblem) +
         ",\"driver\":" + partOf(probe.driverPath, probe.driverVersion, probe.driverProblem) + ",\"devices\":[" +
         devices + "]}";
}

}  // namespace scmoe::comm
