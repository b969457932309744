#pragma once
#include <node_api.h>

#include <cstddef>

#if defined(SCMOE_FENCES)
#include <sanitizer/asan_interface.h>

#include <utility>
#include <vector>
#endif

namespace scmoe {

#if defined(SCMOE_FENCES)
/// Under AddressSanitizer: what lies behind the arrays of a call in their buffers is not touched until the call is
/// over. Tensors lie in buffers that are a little larger than they are, so that a pool can hand them out again: what
/// ran a little too far would go unnoticed.
class Fences {
 public:
  Fences() = default;
  Fences(const Fences&) = delete;
  Fences& operator=(const Fences&) = delete;
  ~Fences() {
    for (const auto& [begin, length] : fences_) __asan_unpoison_memory_region(begin, length);
  }

  void add(napi_env env, napi_value array, const void* data, size_t bytes) {
    napi_value buffer;
    void* memory = nullptr;
    size_t length = 0;
    // An array that begins in the middle of its buffer is not alone there.
    if (napi_get_typedarray_info(env, array, nullptr, nullptr, nullptr, &buffer, nullptr) != napi_ok ||
        napi_get_arraybuffer_info(env, buffer, &memory, &length) != napi_ok || memory != data || length <= bytes)
      return;
    fences_.emplace_back(static_cast<char*>(memory) + bytes, length - bytes);
    __asan_poison_memory_region(fences_.back().first, fences_.back().second);
  }

 private:
  std::vector<std::pair<void*, size_t>> fences_;
};
#else
class Fences {
 public:
  void add(napi_env, napi_value, const void*, size_t) {}
};
#endif

}  // namespace scmoe
