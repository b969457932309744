#include "bindings/tensor/linked_calls.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/error.h"

namespace scmoe {

namespace {

struct Linked {
  std::mutex mutex;
  std::unordered_map<int64_t, LinkedCalls> all;  // what is in it stays where it is
};

Linked& linked() {
  static Linked* const one = new Linked;  // a thread of XLA's may outlive what is static
  return *one;
}

}  // namespace

void LinkedCalls::add(int64_t key, std::vector<std::unique_ptr<CapturedCall>> calls,
                      std::vector<ArrayPlaces::Range> arrays) {
  LinkedCalls made;
  made.calls_ = std::move(calls);
  made.arrays_ = std::move(arrays);
  std::vector<void*> now;
  for (const ArrayPlaces::Range& range : made.arrays_) now.push_back(const_cast<char*>(range.begin));
  std::sort(made.arrays_.begin(), made.arrays_.end(),
            [](const ArrayPlaces::Range& a, const ArrayPlaces::Range& b) { return a.begin < b.begin; });
  for (const auto& call : made.calls_) {
    call->expectWithin(ArrayPlaces(made.arrays_, now.data()));
    if (!call->isSilent()) throw Error("linkCapture: expected calls that answer nothing, got one that did");
  }
  const std::lock_guard<std::mutex> lock(linked().mutex);
  linked().all.emplace(key, std::move(made));
}

void LinkedCalls::run(int64_t key, void* const* arrays, const size_t* bytes, size_t count) {
  const LinkedCalls* found = nullptr;
  {
    const std::lock_guard<std::mutex> lock(linked().mutex);
    const auto place = linked().all.find(key);
    if (place != linked().all.end()) found = &place->second;
  }
  if (!found) throw Error("a compiled step: expected the calls of kernel " + std::to_string(key) + " to be linked");
  const std::vector<ArrayPlaces::Range>& before = found->arrays_;
  if (count != before.size())
    throw Error("a compiled step: expected " + std::to_string(before.size()) + " arrays of a kernel, got " +
                std::to_string(count));
  for (size_t i = 0; i < count; ++i)
    if (bytes[before[i].index] < before[i].bytes)
      throw Error("a compiled step: expected " + std::to_string(before[i].bytes) + " bytes for a kernel, got " +
                  std::to_string(bytes[before[i].index]));
  const ArrayPlaces places(before, arrays);
  for (const auto& call : found->calls_) call->runAt(places);
}

}  // namespace scmoe
