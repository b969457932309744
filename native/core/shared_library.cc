#include "core/shared_library.h"

#include <dlfcn.h>
#include <link.h>

namespace scmoe {

SharedLibrary::SharedLibrary(const std::string& candidate)
    : handle_(::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL)), path_(candidate) {
  if (!handle_) {
    const char* reason = ::dlerror();
    throw Error(reason ? reason : candidate + ": could not be opened");
  }
  link_map* map = nullptr;
  if (::dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name && *map->l_name) path_ = map->l_name;
}

void* SharedLibrary::find(const char* symbol) const { return ::dlsym(handle_, symbol); }

void SymbolReader::finish() const {
  if (missing_.empty()) return;
  std::string names;
  for (const std::string& name : missing_) names += (names.empty() ? "" : ", ") + name;
  throw Error(library_.path() + " lacks " + names);
}

}  // namespace scmoe
