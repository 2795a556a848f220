"""dlock for Conan 2. MongoDB's driver is the system's, as in docs/install.md: a second copy in one process would be a trap."""

import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, cmake_layout
from conan.tools.files import copy
from conan.tools.system.package_manager import Apt


class Dlock(ConanFile):
    name = "dlock"
    license = "MIT"
    description = "Distributed locks on MongoDB"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": False}
    generators = "CMakeToolchain"
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"

    def set_version(self):
        text = Path(self.recipe_folder, "CMakeLists.txt").read_text(encoding="utf-8")
        self.version = re.search(r"project\(dlock VERSION (\S+)", text)[1]

    def validate(self):
        check_min_cppstd(self, 20)

    def system_requirements(self):
        # Only checked, unless tools.system.package_manager:mode is "install".
        Apt(self).install(["libmongoc-dev", "uuid-dev", "pkgconf"])

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        cmake.configure(variables={f"DLOCK_BUILD_{part}": "OFF" for part in ("CLI", "TESTS", "EXAMPLES", "BENCH")})
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, str(Path(self.package_folder, "licenses")))

    def package_info(self):
        # find_package(dlock) finds dlock's own files, which also find the driver.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs.append(str(Path("lib", "cmake", "dlock")))
