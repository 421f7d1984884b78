from django.contrib import admin

from .models import Book, Note


class NoteInline(admin.TabularInline):
    model = Note
    extra = 0


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ['title', 'author', 'status', 'finished_on']
    list_filter = ['status']
    search_fields = ['title', 'author']
    inlines = [NoteInline]
