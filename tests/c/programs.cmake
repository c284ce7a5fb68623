# The test programs. Each is one noun; ctest runs each plain and under Valgrind.
set(PROGRAMS arguments environment options sizes lifecycle records watch callbacks queue races threads panic signals process)
# A limit of the address space cannot be had together with a sanitizer, and in a forked child AddressSanitizer's
# allocator keeps the locks that the parent's threads held.
if(NOT LARDER_SANITIZE)
  list(APPEND PROGRAMS pressure fork)
endif()

add_library(support STATIC support.c symbols.c)
target_link_libraries(support PUBLIC larder ${CMOCKA_LIBRARY} Threads::Threads)
target_include_directories(support PUBLIC ${CMOCKA_INCLUDE})
target_compile_options(support PRIVATE ${WARNINGS})
target_compile_definitions(support PUBLIC
  LARDER_SYMBOLS="${LARDER_ROOT}/tests/abi/symbols.txt" LARDER_CONTRACT_DIRECTORY="${LARDER_ROOT}/tests/contract"
  LARDER_SHARED_OBJECT="${LARDER_LINKS}/liblarder.so.1")
set(SCALE_PLAIN "RUST_BACKTRACE=0;LARDER_TEST_MEMORY=1;LARDER_TEST_THREADS=100000;LARDER_TEST_ROUNDS=2000")
# Valgrind runs one thread at a time, some thirty times slower.
# Nor does it run what needs servers: the fault store's answers take the same way.
set(SCALE_SLOW "RUST_BACKTRACE=0;LARDER_TEST_THREADS=1000;LARDER_TEST_ROUNDS=100;LARDER_TEST_STORES=;NOTIFICATIONS_STORE_NODES=")

# What reads the file that says how to reach servers, and what stands between a program and one of them.
add_library(document STATIC document.c wire.c)
target_include_directories(document PUBLIC ${CJSON_INCLUDE} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(document PUBLIC ${CJSON_LIBRARY} Threads::Threads)
target_compile_options(document PRIVATE ${WARNINGS})

function(larder_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE support ${CMAKE_DL_LIBS})
  target_compile_options(${name} PRIVATE ${WARNINGS})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${SCALE_PLAIN}" TIMEOUT 300)
  if(LARDER_SANITIZE)
    set_tests_properties(${name} PROPERTIES LABELS sanitize
      ENVIRONMENT "${SCALE_SLOW};ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1;UBSAN_OPTIONS=print_stacktrace=1")
  endif()
endfunction()

function(larder_valgrind name)
  if(NOT VALGRIND OR LARDER_SANITIZE)
    return()
  endif()
  add_test(NAME valgrind.${name} COMMAND ${VALGRIND} --quiet --leak-check=full --show-leak-kinds=definite,indirect
    --errors-for-leak-kinds=definite,indirect --child-silent-after-fork=yes --error-exitcode=99 --fair-sched=yes
    $<TARGET_FILE:${name}>)
  set_tests_properties(valgrind.${name} PROPERTIES LABELS valgrind ENVIRONMENT "${SCALE_SLOW}" TIMEOUT 600)
endfunction()

foreach(program ${PROGRAMS})
  larder_program(${program} ${program}.c)
  # An address space limit would be Valgrind's own, and it keeps signals from the kernel's masks.
  if(NOT program MATCHES "pressure|signals")
    larder_valgrind(${program})
  endif()
endforeach()

target_link_libraries(process PRIVATE document)
# Nothing of it is without servers: not under Valgrind, but with the sanitizers, which see what leaks.
larder_program(deadlines deadlines.c)
target_link_libraries(deadlines PRIVATE document)
if(LARDER_SANITIZE)
  set_tests_properties(deadlines PROPERTIES ENVIRONMENT "RUST_BACKTRACE=0;ASAN_OPTIONS=detect_leaks=1")
endif()

larder_program(contract contract/main.c contract/bytes.c contract/case.c contract/kind.c contract/call.c
  contract/submit.c contract/check.c contract/watch.c)
target_link_libraries(contract PRIVATE document)
larder_valgrind(contract)

# Not linked to the library: it loads it.
add_executable(reload reload.c)
target_include_directories(reload PRIVATE ${LARDER_ROOT}/include)
target_compile_options(reload PRIVATE ${WARNINGS})
target_compile_definitions(reload PRIVATE LARDER_SHARED_OBJECT="${LARDER_LINKS}/liblarder.so.1")
target_link_libraries(reload PRIVATE ${CMAKE_DL_LIBS})
add_test(NAME reload COMMAND reload)
