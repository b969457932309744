#pragma once
#include <string>
#include <vector>

#include "core/error.h"

namespace scmoe {

/// A library that is opened at run time, so that nothing here needs it to be built or loaded. Its symbols stay its own
/// (RTLD_LOCAL), and it is never closed: NCCL, the driver and TensorFlow have threads that may still be at work.
class SharedLibrary {
 public:
  /// @param candidate a path, or a name that the loader looks up. @throws Error with the loader's reason
  explicit SharedLibrary(const std::string& candidate);

  /// The file that the loader has opened.
  const std::string& path() const { return path_; }
  /// nullptr where there is none.
  void* find(const char* symbol) const;

 private:
  void* handle_;
  std::string path_;
};

/// Fills a table of functions and remembers what was not there.
class SymbolReader {
 public:
  explicit SymbolReader(const SharedLibrary& library) : library_(library) {}

  template <typename Function>
  void read(Function*& target, const char* name) {
    target = reinterpret_cast<Function*>(library_.find(name));
    if (!target) missing_.emplace_back(name);
  }

  /// @throws Error naming the library and every symbol that it lacks
  void finish() const;

 private:
  const SharedLibrary& library_;
  std::vector<std::string> missing_;
};

/// The first candidate from which `make` can make something. @throws Error: `what` was not found, and why no candidate
/// would do
template <typename Make>
auto openFirst(const std::string& what, const std::vector<std::string>& candidates, const Make& make) {
  std::string reasons;
  for (const std::string& candidate : candidates) {
    try {
      return make(SharedLibrary(candidate));
    } catch (const Error& error) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw Error("no " + what + ": " + (reasons.empty() ? "there is nowhere to look" : reasons));
}

}  // namespace scmoe
