module github.com/larder-cache/larder/bindings/go

go 1.25.0
