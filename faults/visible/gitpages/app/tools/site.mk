texts := $(sort $(wildcard $(WORK)/texts/*.txt))
pages := $(patsubst $(WORK)/texts/%.txt,$(OUT)/%.html,$(texts))
all: $(OUT)/index.html
$(OUT)/%.html: $(WORK)/texts/%.txt
	awk -f $(WORK)/layout/page.awk $< > $@
$(OUT)/index.html: $(pages)
	awk -f $(WORK)/layout/index.awk $(texts) > $@
	cp $(WORK)/layout/site.conf $(OUT)/site.conf
