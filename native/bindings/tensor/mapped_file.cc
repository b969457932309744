#include <iterator>
#include <map>
#include <mutex>
#include <string>

#include "bindings/mapped_files.h"
#include "signatures/tensor/mapped_file.h"

using namespace scmoe;

namespace {

struct Files {
  std::mutex mutex;
  int64_t last = 0;
  std::map<int64_t, std::shared_ptr<MappedFile>> byNumber;
  std::map<const char*, std::weak_ptr<MappedFile>> byAddress;
};

Files& files() {
  static auto* const all = new Files;  // never destroyed: buffers are finalized when the process ends, in any order
  return *all;
}

void release(napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<MappedFile>*>(hint); }

}  // namespace

namespace scmoe {

int64_t addMappedFile(std::shared_ptr<MappedFile> file) {
  Files& all = files();
  const std::lock_guard<std::mutex> lock(all.mutex);
  for (auto at = all.byAddress.begin(); at != all.byAddress.end();)
    at = at->second.expired() ? all.byAddress.erase(at) : std::next(at);
  all.byAddress[file->data()] = file;
  all.byNumber[++all.last] = std::move(file);
  return all.last;
}

std::shared_ptr<MappedFile> mappedFile(int64_t number) {
  Files& all = files();
  const std::lock_guard<std::mutex> lock(all.mutex);
  const auto found = all.byNumber.find(number);
  return found == all.byNumber.end() ? nullptr : found->second;
}

void removeMappedFile(int64_t number) {
  Files& all = files();
  const std::lock_guard<std::mutex> lock(all.mutex);
  all.byNumber.erase(number);
}

void forgetMapped(const void* memory, int64_t bytes) {
  const auto* const first = static_cast<const char*>(memory);
  std::shared_ptr<MappedFile> file;
  {
    Files& all = files();
    const std::lock_guard<std::mutex> lock(all.mutex);
    const auto after = all.byAddress.upper_bound(first);
    if (after == all.byAddress.begin()) return;
    file = std::prev(after)->second.lock();
  }
  if (file && first + bytes <= file->data() + file->bytes()) file->forget(first - file->data(), bytes);
}

}  // namespace scmoe

SCMOE_EXPORT_UNCAPTURED(mapFile) {
  return toJs(call.env(),
              static_cast<double>(addMappedFile(MappedFile::open(static_cast<int>(args.descriptor), args.bytes))));
}

SCMOE_EXPORT_UNCAPTURED(mappedBytes) {
  auto file = mappedFile(args.map);
  if (!file) call.reject("map", "the number of a mapped file", std::to_string(args.map));
  if (args.begin > file->bytes() || args.bytes > file->bytes() - args.begin)
    call.reject("bytes", "a part of the file's " + std::to_string(file->bytes()),
                std::to_string(args.bytes) + " from " + std::to_string(args.begin) + " on");
  char* const data = file->data() + args.begin;
  auto* const shared = new std::shared_ptr<MappedFile>(std::move(file));
  napi_value result;
  if (napi_create_external_arraybuffer(call.env(), data, args.bytes, release, shared, &result) != napi_ok) {
    delete shared;
    throw Error("mappedBytes: could not make an ArrayBuffer of " + std::to_string(args.bytes) + " bytes");
  }
  return result;
}

SCMOE_EXPORT_UNCAPTURED(unmapFile) {
  removeMappedFile(args.map);
  return nullptr;
}
