#include "comm/nccl/nccl_api.h"

#include "core/shared_library.h"

namespace scmoe::comm {

namespace {

constexpr int kOldest = 21700;

NcclApi load(const SharedLibrary& library) {
  NcclApi api{};
  api.path = library.path();
  SymbolReader reader(library);
  reader.read(api.getVersion, "ncclGetVersion");
  // The version before the other symbols: an old library lacks some, and its age says more.
  if (api.getVersion && (api.getVersion(&api.version) != kNcclSuccess || api.version < kOldest))
    throw Error(api.path + " is NCCL " + ncclVersionText(api.version) + ", too old: " + ncclVersionText(kOldest) +
                " is the oldest that can be used");
  reader.read(api.getErrorString, "ncclGetErrorString");
  reader.read(api.getLastError, "ncclGetLastError");
  reader.read(api.getUniqueId, "ncclGetUniqueId");
  reader.read(api.commInitRankConfig, "ncclCommInitRankConfig");
  reader.read(api.commGetAsyncError, "ncclCommGetAsyncError");
  reader.read(api.commFinalize, "ncclCommFinalize");
  reader.read(api.commDestroy, "ncclCommDestroy");
  reader.read(api.commAbort, "ncclCommAbort");
  reader.read(api.groupStart, "ncclGroupStart");
  reader.read(api.groupEnd, "ncclGroupEnd");
  reader.read(api.send, "ncclSend");
  reader.read(api.recv, "ncclRecv");
  reader.read(api.allReduce, "ncclAllReduce");
  reader.read(api.allGather, "ncclAllGather");
  reader.read(api.reduceScatter, "ncclReduceScatter");
  reader.read(api.broadcast, "ncclBroadcast");
  reader.finish();
  return api;
}

}  // namespace

NcclApi NcclApi::open(const std::vector<std::string>& candidates) {
  return openFirst("usable NCCL library", candidates, load);
}

std::string NcclApi::textOf(NcclResult result) const {
  std::string text = getErrorString(result);
  // The argument is unused in every version there is.
  const char* last = getLastError(nullptr);
  if (last && *last) text += std::string(": ") + last;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string ncclVersionText(int version) {
  // Since 2.9 there are four digits for minor version and patch, three before.
  const int major = version >= 10000 ? version / 10000 : version / 1000;
  const int minor = version >= 10000 ? version / 100 % 100 : version / 100 % 10;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

}  // namespace scmoe::comm
